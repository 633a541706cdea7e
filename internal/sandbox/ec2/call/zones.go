package call

import (
	"fmt"
	"strings"

	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// Zone returns the zone of that name or id; with neither, the region's first.
func (s *Scope) Zone(name, id string) (string, error) {
	zones := state.ZoneNames(s.Region.Name)
	if name == "" && id == "" {
		return zones[0], nil
	}
	for _, z := range zones {
		if z == name || name == "" && ZoneID(z) == id {
			return z, nil
		}
	}
	return "", Invalid("Value (%s) for parameter availabilityZone is invalid. The zones of this region are: %s.", name+id, strings.Join(zones, ", "))
}

// ZoneID returns the id of a zone, which other than its name means the same place in every account: use1-az1.
func ZoneID(zone string) string {
	parts := strings.Split(zone, "-") // us, east, 1a
	if len(parts) != 3 || len(parts[2]) != 2 {
		return ""
	}
	return fmt.Sprintf("%s%s%s-az%d", parts[0], parts[1][:1], parts[2][:1], parts[2][1]-'a'+1)
}
