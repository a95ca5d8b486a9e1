package budget

import (
	"bufio"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// DefaultLimit returns 60 % of the memory that the process may use: the smallest of
// GOMEMLIMIT, the limits of its control groups, and the machine's memory. It returns 0, no
// limit, if none of them is known.
func DefaultLimit() int64 {
	return availableMemory(debug.SetMemoryLimit(-1), "/") / 10 * 6
}

// availableMemory returns the smallest of a limit of Go's runtime, the limits of control
// groups and the machine's memory, with the files under root. It returns 0 if there is none.
func availableMemory(goLimit int64, root string) int64 {
	smallest := int64(math.MaxInt64)
	for _, n := range append(cgroupLimits(root), goLimit, machineMemory(root)) {
		if n > 0 {
			smallest = min(smallest, n)
		}
	}
	if smallest == math.MaxInt64 {
		return 0
	}
	return smallest
}

// cgroupLimits returns the limits of the control groups that the process is in, of both
// versions, with all groups around them. In a container, its own group is the root.
func cgroupLimits(root string) (limits []int64) {
	for _, line := range readLines(path.Join(root, "proc/self/cgroup")) {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 {
			continue
		}
		dir, file := "", ""
		switch {
		case parts[0] == "0" && parts[1] == "":
			dir, file = "sys/fs/cgroup", "memory.max"
		case strings.Contains(","+parts[1]+",", ",memory,"):
			dir, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		for group := path.Clean("/" + parts[2]); ; group = path.Dir(group) {
			limits = append(limits, readNumber(path.Join(root, dir, group, file)))
			if group == "/" {
				break
			}
		}
	}
	return limits
}

// machineMemory returns the machine's memory, 0 if it is unknown.
func machineMemory(root string) int64 {
	for _, line := range readLines(path.Join(root, "proc/meminfo")) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "MemTotal:" {
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			return n << 10
		}
	}
	return 0
}

// readNumber returns the number in a file, 0 if there is none. A group of version 1 without
// a limit has a number close to the largest.
func readNumber(name string) int64 {
	for _, line := range readLines(name) {
		n, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
		if err == nil && n < math.MaxInt64>>1 {
			return n
		}
	}
	return 0
}

// readLines returns the lines of a file, none if it can't be read.
func readLines(name string) (lines []string) {
	file, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer file.Close() //nolint:errcheck // it was only read
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		lines = append(lines, scanner.Text())
	}
	return lines
}
