package up

import "syscall"

// dieWithParent has the kernel stop the child when this process is gone, even by SIGKILL.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
}
