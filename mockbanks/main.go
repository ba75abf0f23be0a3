// Command mockbanks is the banks: a farm of simulators, each of which speaks
// its real protocol, keeps its books, and misbehaves on order.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"kaqiao/mockbanks/internal/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	code := command.Run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
