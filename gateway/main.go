// Command gateway is what wallets call to bind bank cards: one call, one
// answer, one vocabulary, whatever the bank behind it.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"kaqiao/gateway/internal/command"
)

func main() {
	// A core dump would hold card numbers.
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "gateway: core dumps cannot be switched off: %v\n", err)
		os.Exit(1)
	}
	// net/http writes what a bank sends out of turn to the standard logger, word for word.
	log.SetOutput(io.Discard)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	code := command.Run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
