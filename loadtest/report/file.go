package report

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// maxFileBytes is the longest JSON report taken.
const maxFileBytes = 64 << 20

// JSON writes the report for programs.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Read reads what JSON wrote. A report of another version is refused.
func Read(from io.Reader) (*Report, error) {
	text, err := io.ReadAll(io.LimitReader(from, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFileBytes {
		return nil, fmt.Errorf("longer than %d bytes", maxFileBytes)
	}
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("not a report: %w", err)
	}
	if r.Version != Version {
		return nil, fmt.Errorf("a report of version %d, this program reads version %d", r.Version, Version)
	}
	return &r, nil
}

// Percentiles writes an .hgrm file for each histogram of each tier into a
// folder, in milliseconds, as HdrHistogram's plotter takes them.
func (r *Report) Percentiles(folder string) error {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	for _, g := range r.Tiers {
		all := map[string]Figures{"binding": g.Whole}
		for _, s := range g.Steps {
			all[s.Step], all[s.Step+"-gateway"] = s.All, s.Share.Gateway
		}
		for name, f := range all {
			if f.Histogram == "" {
				continue
			}
			if err := f.percentiles(filepath.Join(folder, g.ID+"-"+name+".hgrm")); err != nil {
				return fmt.Errorf("%s %s: %w", g.ID, name, err)
			}
		}
	}
	return nil
}

func (f Figures) percentiles(path string) (err error) {
	h, err := hdr.Decode([]byte(f.Histogram))
	if err != nil {
		return err
	}
	file, err := os.Create(filepath.Clean(path))
	if err != nil {
		return err
	}
	defer func() {
		if e := file.Close(); err == nil {
			err = e
		}
	}()
	const ticksPerHalf, usPerMS = 5, 1000
	_, err = h.PercentilesPrint(file, ticksPerHalf, usPerMS)
	return err
}
