package up

import "syscall"

// OwnGroup keeps a terminal's Ctrl-C from the child: whoever started it decides
// when it stops, and in which order. The kernel stops it when this process is
// gone, even by SIGKILL.
func OwnGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
