//go:build bench

package bench

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
)

// table is what one command took on clusters of one shape.
type table struct {
	Name    string
	Shape   shape
	samples []sample
}

func (t *table) add(s sample) { t.samples = append(t.samples, s) }

func (t *table) column(of func(sample) float64) []float64 {
	all := make([]float64, len(t.samples))
	for i, s := range t.samples {
		all[i] = of(s)
	}
	slices.Sort(all)
	return all
}

// median returns the middle of sorted values.
func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// print writes the least, the median and the most of each figure, as a table in Markdown.
func (t *table) print(out io.Writer) {
	fmt.Fprintf(out, "\n%s, %s\n\n", t.Name, t.Shape)
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| \t| min \t| median \t| max \t|")
	fmt.Fprintln(w, "|---\t|---\t|---\t|---\t|")
	row := func(name, format string, of func(sample) float64) {
		values := t.column(of)
		if values[len(values)-1] == 0 {
			return
		}
		fmt.Fprintf(w, "| %s \t| "+format+" \t| "+format+" \t| "+format+" \t|\n", name, values[0], median(values), values[len(values)-1])
	}
	row("command, s", "%.2f", func(s sample) float64 { return s.Wall.Seconds() })
	row("graph, s", "%.2f", func(s sample) float64 { return s.graph.Seconds() })
	row("critical path as measured, s", "%.2f", func(s sample) float64 { return s.measured.Seconds() })
	row("critical path of the cloud, s", "%.2f", func(s sample) float64 { return s.cloud.Seconds() })
	row("command / cloud", "%.3f", sample.ratio)
	row("graph / cloud", "%.3f", func(s sample) float64 { return over(s.graph, s.cloud) })
	row("graph / measured", "%.3f", func(s sample) float64 { return over(s.graph, s.measured) })
	row("nodes run, s", "%.2f", func(s sample) float64 { return s.running.Seconds() })
	row("nodes run / cloud", "%.3f", func(s sample) float64 { return over(s.running, s.cloudRunning) })
	row("AWS calls", "%.0f", func(s sample) float64 { return float64(s.calls) })
	row("least calls", "%.0f", func(s sample) float64 { return float64(s.least) })
	row("calls / least", "%.2f", func(s sample) float64 { return float64(s.calls) / float64(s.least) })
	row("peak memory, MiB", "%.0f", func(s sample) float64 { return float64(s.Memory) / (1 << 20) })
	row("CPU, s", "%.2f", func(s sample) float64 { return s.CPU.Seconds() })
	_ = w.Flush() // of a table to the standard output

	typical := t.typical()
	if len(typical.path) > 0 {
		fmt.Fprintf(out, "\nCritical path: %s\n", strings.Join(typical.path, " > "))
	}
	fmt.Fprintf(out, "\nCalls: %s\n", typical.actionList())
}

// typical returns the run whose wall time is the middle one.
func (t *table) typical() sample {
	all := slices.SortedFunc(slices.Values(t.samples), func(a, b sample) int { return cmp.Compare(a.Wall, b.Wall) })
	return all[(len(all)-1)/2]
}

// actionList names the actions that were called more than once, by how often.
func (s sample) actionList() string {
	names := slices.SortedFunc(maps.Keys(s.actions), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.actions[b], s.actions[a]), cmp.Compare(a, b))
	})
	once := 0
	var list []string
	for _, name := range names {
		if s.actions[name] == 1 {
			once++
			continue
		}
		list = append(list, fmt.Sprintf("%s %d", name, s.actions[name]))
	}
	return strings.Join(append(list, fmt.Sprintf("%d others once", once)), ", ")
}

// machine describes what the figures were measured on.
func machine() string {
	model := runtime.GOARCH
	for line := range strings.Lines(read("/proc/cpuinfo")) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	load, _, _ := strings.Cut(read("/proc/loadavg"), " ")
	return fmt.Sprintf("%d CPUs %s, load %s, %s", runtime.NumCPU(), model, load, runtime.Version())
}

func read(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(text)
}
