//go:build !linux

package up

import "syscall"

// dieWithParent is Linux's alone; elsewhere stop must do.
func dieWithParent() *syscall.SysProcAttr { return nil }
