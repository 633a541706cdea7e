package host

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rawFacts is what the script printed, before it is set against our clock.
type rawFacts struct {
	facts Facts
	clock time.Time
	ended bool
}

// parseFacts reads the script's output. Keys that it does not know are passed over, so that an older binary reads a newer script's
// output; an output that was cut off is refused.
func parseFacts(out []byte) (rawFacts, error) {
	raw := rawFacts{facts: Facts{Free: map[string]Space{}, Engine: EngineFacts{Packages: map[string]string{}}}}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, maxOutput)
	for lines.Scan() {
		key, value, ok := strings.Cut(lines.Text(), "\t")
		if !ok {
			continue // what a login script prints
		}
		if err := raw.set(key, strings.TrimSpace(value)); err != nil {
			return rawFacts{}, fmt.Errorf("parse fact %s: %w", key, err)
		}
	}
	if err := lines.Err(); err != nil {
		return rawFacts{}, err
	}
	if !raw.ended {
		return rawFacts{}, errors.New("the output is not complete")
	}
	f := &raw.facts
	f.Systemd = f.Systemd && f.Init == "systemd"
	return raw, nil
}

// set takes one fact.
func (r *rawFacts) set(key, value string) (err error) {
	f := &r.facts
	words := strings.Fields(value)
	switch key {
	case "clock":
		r.clock, err = parseClock(value)
	case "hostname":
		f.Hostname = value
	case "kernel":
		f.Kernel = value
	case "machine":
		f.Arch = orDefault(f.Arch, debianArch(value))
	case "arch":
		f.Arch = orDefault(value, f.Arch)
	case "init":
		f.Init = value
	case "systemd":
		f.Systemd = value == "yes"
	case "os_id":
		f.OS.ID = value
	case "os_version":
		f.OS.Version = value
	case "os_codename":
		f.OS.Codename = value
	case "os_name":
		f.OS.Name = value
	case "cpus":
		f.CPUs, err = parseCount(value)
	case "memory_kib":
		f.MemoryMiB, err = parseCount(value)
		f.MemoryMiB /= 1024
	case "mtu":
		f.MTU, err = parseCount(value)
	case "address":
		f.Addresses = append(f.Addresses, value)
	case "ipvs":
		f.IPVS = value == "yes"
	case "free":
		err = f.setFree(words)
	case "ebs":
		err = f.addVolume(words)
	case "mount":
		if len(words) != 3 {
			return errors.New("not three words")
		}
		f.Mounts = append(f.Mounts, Mount{unescapeMount(words[0]), unescapeMount(words[1]), words[2]})
	case "package_lists":
		var seconds int
		seconds, err = parseCount(value)
		f.ListsAge = time.Duration(min(seconds, 1<<31)) * time.Second
	case "cloud_init":
		f.CloudInit = value
	case "end":
		r.ended = true
	default:
		err = f.Engine.set(key, words)
	}
	return err
}

// set takes one fact of the engine.
func (e *EngineFacts) set(key string, words []string) error {
	switch key {
	case "package":
		if len(words) != 2 {
			return errors.New("not two words")
		}
		e.Packages[words[0]] = words[1]
	case "unfinished":
		e.Unfinished = append(e.Unfinished, words...)
	case "held":
		e.Held = append(e.Held, words...)
	case "docker_cli":
		e.CLI = strings.Join(words, " ")
	case "docker_unit":
		if len(words) > 0 {
			e.Active = words[0]
		}
		e.Enabled = slices.Contains(words[min(1, len(words)):], "enabled")
	case "daemon_json":
		e.DaemonJSON = strings.Join(words, "")
	case "docker_outdated":
		e.Outdated = slices.Contains(words, "yes")
	}
	return nil
}

// setFree takes "<directory> <total KiB> <free KiB>".
func (f *Facts) setFree(words []string) error {
	if len(words) != 3 {
		return errors.New("not three words")
	}
	total, err := parseCount(words[1])
	if err != nil {
		return err
	}
	free, err := parseCount(words[2])
	if err != nil {
		return err
	}
	f.Free[words[0]] = Space{TotalMiB: total / 1024, FreeMiB: free / 1024}
	return nil
}

// ebsLink is how the links of EBS volumes begin; the volume's id without its hyphen follows.
const ebsLink = "nvme-Amazon_Elastic_Block_Store_vol"

// addVolume takes "<link> <device> <bytes> <bytes of the filesystem> [<filesystem>]".
func (f *Facts) addVolume(words []string) error {
	if len(words) != 4 && len(words) != 5 {
		return errors.New("not four or five words")
	}
	id, ok := strings.CutPrefix(path.Base(words[0]), ebsLink)
	if !ok || id == "" {
		return errors.New("not the link of an EBS volume")
	}
	v := Volume{ID: "vol-" + id, Link: words[0], Device: words[1]}
	for i, bytes := range []*int64{&v.Bytes, &v.FilesystemBytes} {
		n, err := strconv.ParseInt(words[2+i], 10, 64)
		if err != nil || n < 0 {
			return fmt.Errorf("%q is not a number of bytes", words[2+i])
		}
		*bytes = n
	}
	if len(words) == 5 {
		v.Filesystem = words[4]
	}
	f.Volumes = append(f.Volumes, v)
	return nil
}

// VolumeLink returns the link that Nitro's driver and udev give to the EBS volume of the id.
func VolumeLink(volumeID string) string {
	return "/dev/disk/by-id/" + ebsLink + strings.TrimPrefix(volumeID, "vol-")
}

// parseClock reads seconds since 1970 with a fraction; date without %N prints N itself.
func parseClock(value string) (time.Time, error) {
	seconds, fraction, _ := strings.Cut(value, ".")
	s, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || s < 0 || s > math.MaxUint32 {
		return time.Time{}, fmt.Errorf("%q is not a time", value)
	}
	n, err := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	if err != nil || n < 0 {
		n = 0
	}
	return time.Unix(s, n), nil
}

// parseCount reads a number that is not negative; nothing counts as 0, unknown.
func parseCount(value string) (int, error) {
	if value == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(value, 10, 48)
	if err != nil {
		return 0, fmt.Errorf("%q is not a count", value)
	}
	return int(n), nil
}

// debianArch names a kernel's machine as Debian does.
func debianArch(machine string) string {
	switch machine {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	default:
		return machine
	}
}

// unescapeMount undoes the octal escapes of /proc/mounts.
func unescapeMount(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
