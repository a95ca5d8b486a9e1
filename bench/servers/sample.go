package servers

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// Sample is the CPU time used until a moment.
type Sample struct {
	Time    time.Time
	Servers time.Duration // by the servers
	self    time.Duration // by this process
	all     time.Duration // by all processes of the machine, and stolen from it
}

// KernelMemory returns the memory that the kernel has for its own objects, in bytes. An idle
// connection on the loopback has two TCP sockets, two open files and their entries in epoll.
func KernelMemory() int64 {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	var kB int64
	for line := range strings.Lines(string(data)) {
		if name, value, _ := strings.Cut(line, ":"); name == "Slab" {
			kB, _ = strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		}
	}
	return kB << 10
}

// TakeSample returns a sample of this moment.
func TakeSample(list ...*Server) Sample {
	s := Sample{Time: time.Now(), self: processCPU(os.Getpid()), all: machineCPU()}
	for _, server := range list {
		s.Servers += server.CPU()
	}
	return s
}

// OtherCPUs returns the number of CPUs that other processes than the servers and this one
// have used since an earlier sample.
func (s Sample) OtherCPUs(earlier Sample) float64 {
	others := (s.all - earlier.all) - (s.self - earlier.self) - (s.Servers - earlier.Servers)
	return max(others.Seconds(), 0) / max(s.Time.Sub(earlier.Time).Seconds(), 0.001)
}

// machineCPU returns the CPU time that the machine has spent in processes. Interrupts are
// left out: the kernel counts some of them as work of the process that they interrupt.
func machineCPU() time.Duration {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(data), "\n")
	fields := strings.Fields(line)
	var ticks int
	for _, i := range []int{1, 2, 3, 8} { // user, nice, system, steal
		if i < len(fields) {
			n, _ := strconv.Atoi(fields[i])
			ticks += n
		}
	}
	return time.Duration(ticks) * clockTick
}
