//go:build linux

package hosts

import (
	"fmt"
	"strconv"
	"strings"
)

// kernelShare is the part of an instance's memory that its kernel keeps for itself, so that MemTotal is as much below
// the type's figure as on EC2: about 4 %.
const kernelShare = 25 // one part in

// memInfo returns /proc/meminfo of a host with so much memory, most of it free.
func memInfo(memoryMiB int) string {
	total := memoryMiB * 1024
	total -= total / kernelShare
	free := total * 9 / 10
	var b strings.Builder
	for _, line := range []struct {
		name string
		kib  int
	}{
		{"MemTotal", total},
		{"MemFree", free},
		{"MemAvailable", free},
		{"Buffers", 0},
		{"Cached", total / 20},
		{"SwapCached", 0},
		{"Active", total / 20},
		{"Inactive", total / 20},
		{"SwapTotal", 0},
		{"SwapFree", 0},
		{"Dirty", 0},
		{"Shmem", 0},
		{"Slab", 0},
		{"SReclaimable", 0},
		{"SUnreclaim", 0},
		{"Hugepagesize", 2048},
	} {
		fmt.Fprintf(&b, "%-16s%8d kB\n", line.name+":", line.kib)
	}
	return b.String()
}

// cpuInfo returns /proc/cpuinfo of a host with n processors, each like the first in the machine's own file.
func cpuInfo(machine string, n int) string {
	first, _, _ := strings.Cut(machine, "\n\n")
	first = strings.TrimRight(first, "\n")
	var b strings.Builder
	for i := range n {
		for line := range strings.SplitSeq(first, "\n") {
			name, _, ok := strings.Cut(line, ":")
			if ok {
				switch strings.TrimSpace(name) {
				case "processor", "core id", "apicid", "initial apicid":
					line = name + ": " + strconv.Itoa(i)
				case "siblings", "cpu cores":
					line = name + ": " + strconv.Itoa(n)
				}
			}
			b.WriteString(line + "\n")
		}
		b.WriteString("\n")
	}
	return b.String()
}
