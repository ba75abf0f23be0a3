//go:build !linux

package up

import "syscall"

// OwnGroup keeps a terminal's Ctrl-C from the child: whoever started it decides
// when it stops, and in which order. To end with a parent that was killed is
// Linux's alone.
func OwnGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
