package cli

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var (
	shellBlock    = regexp.MustCompile("(?s)```sh\n(.*?)```")
	inlineCommand = regexp.MustCompile("`((?:sudo (?:-E )?)?slipway [^`]+)`")
	localLink     = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
)

// documents returns the hand-written documentation by path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	root := filepath.Join("..", "..")
	paths := []string{filepath.Join(root, "README.md"), filepath.Join(root, "docs", "architecture.md")}
	guides, err := filepath.Glob(filepath.Join(root, "docs", "guides", "*.md"))
	if err != nil || len(guides) == 0 {
		t.Fatalf("no guides: %v", err)
	}
	all := map[string]string{}
	for _, path := range append(paths, guides...) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[path] = string(content)
	}
	return all
}

// TestDocumentedCommandsExist parses every slipway command line of the documentation: its command must exist and take
// its flags and arguments.
func TestDocumentedCommandsExist(t *testing.T) {
	t.Parallel()
	for path, text := range documents(t) {
		n := 0
		for _, line := range commandLines(text) {
			n++
			if err := understood(line); err != nil {
				t.Errorf("%s: %q: %v", path, line, err)
			}
		}
		if n == 0 && !strings.HasSuffix(path, "architecture.md") {
			t.Errorf("%s: no command line was found in it", path)
		}
	}
}

// commandLines returns what follows the word slipway in a text's command lines, up to what the shell does with it.
func commandLines(text string) []string {
	var lines []string
	for _, block := range shellBlock.FindAllStringSubmatch(text, -1) {
		lines = append(lines, strings.Split(block[1], "\n")...)
	}
	for _, inline := range inlineCommand.FindAllStringSubmatch(text, -1) {
		lines = append(lines, inline[1])
	}
	var found []string
	for _, line := range lines {
		line, _, _ = strings.Cut(line, "#")
		_, rest, ok := strings.Cut(" "+line, " slipway ")
		if _, nested, inside := strings.Cut(line, "$("); inside {
			_, rest, ok = strings.Cut(" "+nested, " slipway ")
		}
		if ok && !strings.Contains(line, "clone") {
			rest, _, _ = strings.Cut(rest, " -- ")
			found = append(found, strings.TrimSpace(strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune("|&;>)\"", r) })[0]))
		}
	}
	return found
}

// understood reports why the command line makes no sense.
func understood(line string) error {
	root := newRoot(newSession(Process{
		Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard,
		Getenv: func(string) string { return "" }, IsTerminal: func(any) bool { return false },
	}))
	root.SetArgs(strings.Fields(strings.TrimSuffix(line, " 2"))) // the 2 of a redirection 2>
	stub(root)
	return root.Execute()
}

// stub takes the work out of every command, so that only its command line is looked at.
func stub(cmd *cobra.Command) {
	if cmd.RunE != nil && !cmd.HasSubCommands() {
		cmd.RunE = func(*cobra.Command, []string) error { return nil }
	}
	for _, c := range cmd.Commands() {
		stub(c)
	}
}

func TestDocumentedLinksExist(t *testing.T) {
	t.Parallel()
	for path, text := range documents(t) {
		for _, link := range localLink.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), link[1])); err != nil {
				t.Errorf("%s links to %s: %v", path, link[1], err)
			}
		}
	}
}
