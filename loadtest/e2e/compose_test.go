package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// No container engine is needed to find out that a compose file is wrong: it is
// loaded against the specification's schema, and each command it runs is asked
// whether it knows its flags.
func TestComposeFile(t *testing.T) {
	root := root(t)
	opts, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")}, cli.WithName("kaqiao"))
	if err != nil {
		t.Fatal(err)
	}
	project, err := opts.LoadProject(t.Context())
	if err != nil {
		t.Fatalf("docker-compose.yml: %v", err)
	}
	bin := programs(t)
	for name, s := range project.Services {
		t.Run(name, func(t *testing.T) {
			if s.User == "" || strings.HasPrefix(s.User, "0") || s.User == "root" {
				t.Errorf("runs as %q, want a user of its own", s.User)
			}
			if !s.ReadOnly {
				t.Error("its root file system can be written")
			}
			if name != "keys" && s.HealthCheck == nil {
				t.Error("has no health check")
			}
			for _, p := range s.Ports {
				if p.HostIP != "127.0.0.1" {
					t.Errorf("port %s is open to %q, want the loopback address only", p.Published, p.HostIP)
				}
			}
			knowsFlags(t, bin, s.Command)
			if s.HealthCheck != nil {
				knowsFlags(t, bin, types.ShellCommand(s.HealthCheck.Test[1:]))
			}
		})
	}
}

// knowsFlags runs a command with --help behind its flags: cobra parses them all
// first, so that an unknown one fails.
func knowsFlags(t *testing.T, bin string, command types.ShellCommand) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, command[0]), append(command[1:], "--help")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", strings.Join(command, " "), err, out)
	}
}
