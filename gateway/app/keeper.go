package app

import (
	"kaqiao/gateway/internal/telemetry"
	"kaqiao/gateway/internal/vault"
)

// keepers shows how far the vault is with its old keys.
func keepers(m *telemetry.Metrics, k *vault.Keeper) {
	gauge := func(name, help string, read func(vault.Progress) int) {
		m.Gauge(name, help, func() float64 { return float64(read(k.Progress())) })
	}
	gauge("kaqiao_vault_day_keys", "Keys of days that the vault keeps.", func(p vault.Progress) int { return p.Days })
	gauge("kaqiao_vault_day_keys_old", "Keys of days that are past their time and not destroyed yet.", func(p vault.Progress) int { return p.Old })
	gauge("kaqiao_vault_old_bindings", "Bindings that could not be sealed under a newer key in the last pass.", func(p vault.Progress) int { return p.Left })
	gauge("kaqiao_vault_renewed", "Bindings sealed under a newer key since the start.", func(p vault.Progress) int { return p.Renewed })
}
