package image

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// machineSources returns, as lines for sources.list, the machine's own sources of the suite and its updates: where the
// machine gets its packages, the image can. It returns nothing on a machine of another release.
func machineSources(etcApt, suite string) (string, error) {
	lists, _ := filepath.Glob(filepath.Join(etcApt, "sources.list.d", "*")) // the pattern is well formed
	var lines []string
	for _, list := range append([]string{filepath.Join(etcApt, "sources.list")}, lists...) {
		text, err := os.ReadFile(list)
		if missing(err) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("read sources of apt: %w", err)
		}
		switch filepath.Ext(list) {
		case ".list":
			lines = append(lines, oneLine(string(text), suite)...)
		case ".sources":
			lines = append(lines, stanzas(string(text), suite)...)
		}
	}
	// Updates alone would be no distribution.
	if !slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, " "+suite+" ") }) {
		return "", nil
	}
	return strings.Join(lines, "\n") + "\n", nil
}

// suites are those that an image of a suite is made from.
func suites(suite string) []string {
	return []string{suite, suite + "-updates", suite + "-security"}
}

// isDebian tells Debian's archive and its mirrors from those of others, whose keys the image does not know.
func isDebian(uri string, components []string) bool {
	name := path.Base(strings.TrimSuffix(uri, "/"))
	return (name == "debian" || name == "debian-security") && slices.Contains(components, "main")
}

// oneLine reads the format of sources.list(5) with a source per line.
func oneLine(text, suite string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[0] != "deb" || strings.HasPrefix(fields[1], "[") {
			continue
		}
		if slices.Contains(suites(suite), fields[2]) && isDebian(fields[1], fields[3:]) {
			lines = append(lines, fmt.Sprintf("deb %s %s main", fields[1], fields[2]))
		}
	}
	return lines
}

// stanzas reads the format with a field per line, deb822(5).
func stanzas(text, suite string) []string {
	var lines []string
	for stanza := range strings.SplitSeq(text, "\n\n") {
		fields := map[string][]string{}
		for line := range strings.Lines(stanza) {
			if name, value, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, "#") {
				fields[strings.ToLower(name)] = strings.Fields(value)
			}
		}
		if !slices.Contains(fields["types"], "deb") {
			continue
		}
		for _, uri := range fields["uris"] {
			for _, s := range fields["suites"] {
				if slices.Contains(suites(suite), s) && isDebian(uri, fields["components"]) {
					lines = append(lines, fmt.Sprintf("deb %s %s main", uri, s))
				}
			}
		}
	}
	return lines
}
