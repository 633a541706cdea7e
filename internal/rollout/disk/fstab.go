package disk

import (
	"fmt"
	"strings"

	"github.com/slipway-project/slipway/internal/errs"
)

// editFstab returns the file with exactly one line for Target: the volume's. The volume is named by the link that carries its id, not by
// UUID: two volumes made from one snapshot share a UUID, and the id is what the infrastructure knows the volume by.
func editFstab(old, link, filesystem string) (string, error) {
	wanted := fmt.Sprintf("%s %s %s %s 0 2", link, Target, filesystem, mountOptions)
	var b strings.Builder
	found := false
	for line := range strings.Lines(old) {
		fields := strings.Fields(line)
		if len(fields) < 2 || strings.HasPrefix(fields[0], "#") || fields[1] != Target {
			b.WriteString(line)
			continue
		}
		if fields[0] != link {
			return "", errs.New(errs.Conflict, fmt.Sprintf("/etc/fstab mounts %s at %s where the data volume belongs", fields[0], Target)).
				WithRemedy("take the line out of /etc/fstab and run again")
		}
		if !found {
			b.WriteString(wanted + "\n")
		}
		found = true
	}
	text := b.String()
	if !found {
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		text += wanted + "\n"
	}
	return text, nil
}
