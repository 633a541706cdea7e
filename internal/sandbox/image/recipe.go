package image

import (
	"crypto/sha256"
	_ "embed" // the files of the image
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/slipway-project/slipway/internal/errs"
)

//go:embed files/slipway-first-boot
var firstBoot string

//go:embed files/slipway-first-boot.service
var firstBootUnit string

//go:embed files/slipway-fstab-generator
var fstabGenerator string

// recipe is all that an image is made from. Its hash names the image: any change makes another one.
type recipe struct {
	Suite    string
	Packages []string
	Options  []string // of mmdebstrap
	User     string   // logs in by key and may become root without a password
	Files    []file
	Links    map[string]string // path -> target
	Remove   []string          // patterns
}

// file is one that is written into the image.
type file struct {
	Path string
	Mode uint32
	Text string
}

// sshd makes do with keys that take no time to generate.
const sshd = `UseDNS no
PasswordAuthentication no
PermitRootLogin no
HostKey /etc/ssh/ssh_host_ed25519_key
HostKey /etc/ssh/ssh_host_ecdsa_key
`

// masked returns units that make no sense here: there are no real terminals, clocks and devices below, and timers of package
// management would disturb what is measured.
func masked() []string {
	return []string{
		"apt-daily-upgrade.timer", "apt-daily.timer", "console-getty.service", "dpkg-db-backup.timer", "e2scrub_all.timer",
		"e2scrub_reap.service", "fstrim.timer", "getty.target", "modprobe@.service", "systemd-modules-load.service",
		"systemd-udev-settle.service", "systemd-udev-trigger.service", "systemd-udevd.service", "systemd-udevd-control.socket",
		"systemd-udevd-kernel.socket", "sys-kernel-config.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount",
		"dev-hugepages.mount", "sys-fs-fuse-connections.mount", "proc-sys-fs-binfmt_misc.automount", "systemd-sysctl.service",
	}
}

// recipes returns the images that can be made, by name.
func recipes() map[string]recipe {
	links := map[string]string{"etc/systemd/system/multi-user.target.wants/slipway-first-boot.service": "/etc/systemd/system/slipway-first-boot.service"}
	for _, unit := range masked() {
		links["etc/systemd/system/"+unit] = "/dev/null"
	}
	return map[string]recipe{
		Debian12: {
			Suite: "bookworm",
			// Without libpam-systemd: it would start a manager of user units for each login by SSH.
			Packages: []string{
				"apt-utils", "ca-certificates", "curl", "dbus", "e2fsprogs", "init", "iproute2", "iptables", "iputils-ping", "kmod",
				"less", "netbase", "openssh-server", "openssh-sftp-server", "procps", "psmisc", "sudo", "systemd",
				"systemd-sysv", "xfsprogs",
			},
			Options: []string{
				"--variant=minbase",
				`--aptopt=APT::Install-Recommends "false"`,
				`--aptopt=APT::Install-Suggests "false"`,
				`--aptopt=Acquire::Languages "none"`,
				"--dpkgopt=force-unsafe-io", // hosts are made anew, not repaired
				"--dpkgopt=path-exclude=/usr/share/man/*",
				"--dpkgopt=path-exclude=/usr/share/info/*",
				"--dpkgopt=path-exclude=/usr/share/locale/*",
				"--dpkgopt=path-exclude=/usr/share/doc/*",
				"--dpkgopt=path-include=/usr/share/doc/*/copyright",
			},
			User: "admin",
			Files: []file{
				{"usr/lib/slipway/first-boot", 0o755, firstBoot},
				{"usr/lib/systemd/system-generators/slipway-fstab-generator", 0o755, fstabGenerator},
				{"etc/systemd/system/slipway-first-boot.service", 0o644, firstBootUnit},
				{"etc/sudoers.d/90-cloud", 0o440, "admin ALL=(ALL) NOPASSWD:ALL\n"},
				{"etc/ssh/sshd_config.d/10-cloud.conf", 0o644, sshd},
				{"etc/resolv.conf", 0o644, "nameserver 169.254.169.253\n"},
				{"etc/hosts", 0o644, "127.0.0.1 localhost\n"},
				{"etc/machine-id", 0o644, ""}, // systemd makes one at first boot
				{"etc/fstab", 0o644, ""},
			},
			Links:  links,
			Remove: []string{"etc/ssh/ssh_host_*", "etc/hostname", "var/lib/dbus/machine-id", "var/log/*.log", "var/log/apt/*", "var/cache/apt/*.bin"},
		},
	}
}

// find returns the recipe of the name.
func find(name string) (recipe, error) {
	all := recipes()
	if r, ok := all[name]; ok {
		return r, nil
	}
	var names []string
	for known := range all {
		names = append(names, known)
	}
	slices.Sort(names)
	return recipe{}, errs.New(errs.NotFound, fmt.Sprintf("there is no image %q; there are: %v", name, names))
}

// key returns the name of the directory that holds what the recipe makes.
func (r recipe) key(name string) (string, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("hash recipe of image %s: %w", name, err)
	}
	sum := sha256.Sum256(text)
	return name + "-" + hex.EncodeToString(sum[:8]), nil
}
