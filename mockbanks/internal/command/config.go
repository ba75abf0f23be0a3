package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

// envPrefix begins the environment variables that stand for flags: KAQIAO_FARM_CONTROL is --control.
const envPrefix = "KAQIAO_FARM_"

// configure gives every flag that was not typed its value from the
// environment, or else from the file of --config. A variable or key that is no
// flag is refused by its name.
func configure(c *cobra.Command, env []string) error {
	v := viper.New()
	if file, _ := c.Flags().GetString("config"); file != "" {
		v.SetConfigFile(file)
		if err := v.ReadInConfig(); err != nil {
			return usageError{fmt.Errorf("configuration: %w", err)}
		}
	}
	known := func(name string) bool {
		return name != "config" && name != "help" && c.Flags().Lookup(name) != nil
	}
	for _, name := range slices.Sorted(slices.Values(v.AllKeys())) {
		if !known(name) {
			return usageError{fmt.Errorf("configuration: the key %s is not known", name)}
		}
	}
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		key, ours := strings.CutPrefix(name, envPrefix)
		if !ours || value == "" {
			continue
		}
		key = strings.ReplaceAll(strings.ToLower(key), "_", "-")
		if !known(key) {
			return usageError{fmt.Errorf("environment: %s is not known", name)}
		}
		v.Set(key, value)
	}
	var wrong error
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || !v.IsSet(f.Name) || wrong != nil {
			return
		}
		if err := c.Flags().Set(f.Name, v.GetString(f.Name)); err != nil {
			wrong = usageError{fmt.Errorf("configuration of %s: %w", f.Name, err)}
		}
	})
	return wrong
}

// pairs reads id=value, id=value.
func pairs(flag, text string) (map[string]string, error) {
	out := make(map[string]string)
	if text == "" {
		return out, nil
	}
	for _, one := range strings.Split(text, ",") {
		id, value, ok := strings.Cut(strings.TrimSpace(one), "=")
		if !ok || id == "" {
			return nil, usageError{fmt.Errorf("--%s: write <channel>=<value>, and a comma between two", flag)}
		}
		out[id] = value
	}
	return out, nil
}
