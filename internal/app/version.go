package app

import (
	"runtime"
	"runtime/debug"
)

// Build says which program this is.
type Build struct {
	Version  string `json:"version"`  // the module's version, or devel
	Commit   string `json:"commit"`   // the commit it was built from, with + for changes on top of it
	Go       string `json:"go"`       // the toolchain
	Platform string `json:"platform"` // linux/amd64
}

// Version returns what the toolchain wrote into the program.
func Version() Build {
	b := Build{Version: "devel", Commit: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.Version = v
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if revision := settings["vcs.revision"]; len(revision) >= 12 {
		b.Commit = revision[:12]
		if settings["vcs.modified"] == "true" {
			b.Commit += "+"
		}
	}
	return b
}
