package faults_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDiskFullForLogs fills the disk that Caddy writes its logs to. Clients, the admin API and
// reloads do not notice. When there is space again, log lines are written again.
func TestDiskFullForLogs(t *testing.T) {
	disk := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", disk, "tmpfs", 0, "size=128k"); err != nil {
		t.Skip("mount a small disk:", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	logFile := filepath.Join(disk, "all.log")
	output := fmt.Sprintf("output file %s {\n\t\troll_disabled\n\t}\n\tlevel DEBUG", logFile)
	p := startCaddy(t, setup{
		global: "log small {\n\t" + output + "\n}",
		site:   "log {\n\t" + strings.Replace(output, "all.log", "access.log", 1) + "\n}\n" + lobby,
	})
	var all []*client
	for _, kind := range clientKinds {
		all = append(all, p.connectClient(t, kind))
	}
	sent := 0
	sendEvents := func(count int, from ...*client) {
		for range count {
			from[sent%len(from)].mustEmit(t, fmt.Sprintf("[%d]", sent), "say", sent)
			sent++
		}
	}
	filler := filepath.Join(disk, "filler")
	fillDisk(t, filler)
	sendEvents(200, all...)
	// A reload closes idle connections of HTTP. Go repeats no POST that meets such a one.
	webSockets := all[:2]
	p.reloadSite(t, "log {\n\t"+strings.Replace(output, "all.log", "access.log", 1)+"\n}\nheader X-Config 2\n"+lobby)
	sendEvents(200, webSockets...)
	size := fileSize(t, logFile)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	sendEvents(20, webSockets...)
	wantEvents(t, numberedEvents("said", 0, sent-1), all...)
	wantLife(t, []string{"connect"}, all...)
	if now := fileSize(t, logFile); now <= size {
		t.Errorf("the log has %d bytes, as many as before the disk had space again", now)
	}
}

// fillDisk writes a file until the disk is full.
func fillDisk(t *testing.T, name string) {
	t.Helper()
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for {
		if _, err := file.Write(make([]byte, 512)); err != nil {
			if !strings.Contains(err.Error(), syscall.ENOSPC.Error()) {
				t.Fatal(err)
			}
			return
		}
	}
}

func fileSize(t *testing.T, name string) int64 {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
