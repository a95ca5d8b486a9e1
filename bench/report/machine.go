package report

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// Machine is where a run was measured. It has no names of hosts or users.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory string `json:"memory"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	Node   string `json:"node"`
}

// ReadMachine returns this machine. node is the program of Node.js.
func ReadMachine(node string) Machine {
	m := Machine{CPU: readLine("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(), Go: strings.TrimPrefix(runtime.Version(), "go")}
	kB, _ := strconv.Atoi(strings.TrimSuffix(readLine("/proc/meminfo", "MemTotal"), " kB"))
	m.Memory = fmt.Sprintf("%.0f GiB", float64(kB)/(1<<20))
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	m.Kernel, _, _ = strings.Cut(strings.TrimSpace(string(release)), "-")
	version, _ := exec.Command(node, "--version").Output()
	m.Node = strings.TrimPrefix(strings.TrimSpace(string(version)), "v")
	return m
}

// readLine returns the value after "name:" in a file, or "".
func readLine(file, name string) string {
	data, _ := os.ReadFile(file)
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
