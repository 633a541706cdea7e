package rollout

import (
	"context"
	"fmt"
	"strings"

	"github.com/slipway-project/slipway/internal/host"
)

// nameHost gives a host its node's name, so that `docker node ls`, its prompt and its logs call it as everybody does. The swarm takes the name that
// the engine starts with.
func nameHost(ctx context.Context, h host.Host, facts host.Facts) (changes []string, err error) {
	name := h.Name()
	put := func(path, content string) error {
		changed, err := h.Put(ctx, host.File{Path: path, Mode: 0o644, Content: []byte(content)})
		if changed {
			changes = append(changes, "wrote "+path)
		}
		return err
	}
	// The name resolves before it is the host's: sudo complains of a host that does not know itself.
	out, err := h.Run(ctx, host.Sudo("cat", "/etc/hosts"))
	if err != nil && host.ExitCode(err) != 1 {
		return nil, fmt.Errorf("read /etc/hosts of %s: %w", name, err)
	}
	if err := put("/etc/hosts", editHosts(string(out.Stdout), name)); err != nil {
		return changes, err
	}
	if facts.CloudInit != "" {
		if err := put("/etc/cloud/cloud.cfg.d/99-slipway.cfg", "# Written by slipway: the host is named after its node.\npreserve_hostname: true\nmanage_etc_hosts: false\n"); err != nil {
			return changes, err
		}
	}
	if err := put("/etc/hostname", name+"\n"); err != nil {
		return changes, err
	}
	if facts.Hostname == name {
		return changes, nil
	}
	if _, err := h.Run(ctx, host.Sudo("hostname", name)); err != nil {
		return changes, fmt.Errorf("name host %s: %w", name, err)
	}
	return append(changes, "named the host "+name), nil
}

// editHosts returns the hosts file with the name at 127.0.1.1, where Debian and Ubuntu keep a host's own name, and nothing else changed.
func editHosts(old, name string) string {
	const own = "127.0.1.1"
	var b strings.Builder
	found := false
	for line := range strings.Lines(old) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != own {
			b.WriteString(line)
			continue
		}
		if !found {
			fmt.Fprintf(&b, "%s %s\n", own, name)
		}
		found = true
	}
	text := b.String()
	if found {
		return text
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text + own + " " + name + "\n"
}
