# Prints what Slipway wants to know of this host, one "key<TAB>value" a line. POSIX sh; changes nothing.
LC_ALL=C
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
export LC_ALL PATH
fact() { printf '%s\t%s\n' "$1" "$2"; }
have() { command -v "$1" >/dev/null 2>&1; }

fact clock "$(date +%s.%N)"
fact hostname "$(hostname 2>/dev/null || cat /proc/sys/kernel/hostname)"
fact kernel "$(uname -r)"
fact machine "$(uname -m)"
fact init "$(cat /proc/1/comm 2>/dev/null)"
[ -d /run/systemd/system ] && fact systemd yes
(
	. /etc/os-release 2>/dev/null
	fact os_id "${ID-}"
	fact os_version "${VERSION_ID-}"
	fact os_codename "${VERSION_CODENAME-}"
	fact os_name "${PRETTY_NAME-}"
)
have dpkg && fact arch "$(dpkg --print-architecture)"
fact cpus "$(grep -c '^processor' /proc/cpuinfo)"
fact memory_kib "$(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo)"

# Free space in KiB of the filesystems that matter; df of a directory that is not there yet says nothing.
for d in / /var/lib/docker; do
	[ -d "$d" ] && df -Pk "$d" 2>/dev/null | { read -r _; read -r _ total _ free _; fact free "$d $total $free"; }
done

# The EBS volumes by the name that Nitro gives them. Newer udev adds the namespace (_1) and partitions (-part1): the same disk again.
for link in /dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol*; do
	case $link in *-part* | *_[0-9]) continue ;; esac
	[ -b "$link" ] || continue
	type=$(blkid -p -o value -s TYPE "$link" 2>/dev/null)
	size=0
	if [ "$type" = ext4 ]; then
		header=$(dumpe2fs -h "$link" 2>/dev/null)
		count=$(printf '%s\n' "$header" | sed -n 's/^Block count: *//p')
		block=$(printf '%s\n' "$header" | sed -n 's/^Block size: *//p')
		size=$((${count:-0} * ${block:-0}))
	fi
	fact ebs "$link $(readlink -f "$link") $(blockdev --getsize64 "$link" 2>/dev/null || echo 0) $size $type"
done
while read -r source target type _; do
	case $source in /dev/*) fact mount "$source $target $type" ;; esac
done </proc/self/mounts

# Network: the address family of the default route, its link's MTU, and every address.
link=$(ip -4 route show default 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)
[ -n "$link" ] && fact mtu "$(cat "/sys/class/net/$link/mtu" 2>/dev/null)"
ip -o -4 addr show 2>/dev/null | while read -r _ _ _ address _; do fact address "${address%%/*}"; done

# IPVS carries swarm's virtual addresses: loaded, or there to be loaded.
if [ -e /proc/net/ip_vs ] || grep -qs 'ip_vs\.ko' "/lib/modules/$(uname -r)/modules.dep" "/lib/modules/$(uname -r)/modules.builtin"; then
	fact ipvs yes
fi

# The engine.
have dpkg-query && dpkg-query -W -f '${db:Status-Want} ${db:Status-Status} ${Package} ${Version}\n' \
	docker.io docker-cli docker-ce docker-ce-cli containerd containerd.io 2>/dev/null | while read -r want status name version; do
	case $status in
	installed) fact package "$name $version" ;;
	not-installed | config-files) ;;
	*) fact unfinished "$name" ;;
	esac
	[ "$want" = hold ] && fact held "$name"
done
set -- /var/lib/apt/lists/*_Packages*
[ -e "$1" ] && fact package_lists "$(($(date +%s) - $(stat -c %Y /var/lib/apt/lists)))"
have docker && fact docker_cli "$(command -v docker)"
have systemctl && fact docker_unit "$(systemctl is-active docker.service 2>/dev/null) $(systemctl is-enabled docker.service 2>/dev/null)"
if [ -f /etc/docker/daemon.json ]; then
	fact daemon_json "$(sha256sum </etc/docker/daemon.json | cut -d ' ' -f 1)"
	# A file that is newer than the engine's process is one that a killed run wrote and did not have read.
	started=$(TZ=UTC systemctl show -p ExecMainStartTimestamp docker.service 2>/dev/null | cut -d = -f 2)
	[ -n "$started" ] && [ "$(stat -c %Y /etc/docker/daemon.json)" -gt "$(date -d "$started" +%s)" ] && fact docker_outdated yes
fi
[ -d /run/cloud-init ] && fact cloud_init "$(cloud-init status 2>/dev/null | sed -n 's/^status: *//p')"
fact end facts
