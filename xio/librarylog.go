package xio

import (
	"bufio"
	"context"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// logPipe carries the library's log to a Logger. The library logs on whatever
// thread it is, in the middle of its work, where Go cannot be called; so it
// writes lines into a pipe that never blocks, and counts what does not fit.
type logPipe struct {
	r  *os.File
	fd int // the end that the library writes to, for as long as the process lives
}

func newLogPipe() (*logPipe, error) {
	var p [2]int
	if err := syscall.Pipe2(p[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		return nil, os.NewSyscallError("pipe2", err)
	}
	return &logPipe{os.NewFile(uintptr(p[0]), "xio-log"), p[1]}, nil
}

func (p *logPipe) close() {
	if p != nil {
		p.r.Close()
		syscall.Close(p.fd)
	}
}

// levels of slog by those of the library.
var levels = []slog.Level{slog.LevelError + 4, slog.LevelError, slog.LevelWarn, slog.LevelInfo, slog.LevelDebug, slog.LevelDebug - 4}

// copyTo runs for as long as the process lives.
func (p *logPipe) copyTo(l *slog.Logger) {
	for s := bufio.NewScanner(p.r); s.Scan(); {
		logLine(l, s.Text())
	}
}

// logLine logs a line: level, how many were lost before it, file, line, text.
func logLine(l *slog.Logger, line string) {
	f := strings.SplitN(line, "\t", 5)
	if len(f) != 5 {
		return
	}
	if lost, _ := strconv.Atoi(f[1]); lost > 0 {
		l.Warn("xio: lines of the library's log are lost", "lines", lost)
	}
	level := slog.LevelError
	if n, err := strconv.Atoi(f[0]); err == nil && n >= 0 && n < len(levels) {
		level = levels[n]
	}
	if i := strings.LastIndexByte(f[2], '/'); i >= 0 {
		f[2] = f[2][i+1:]
	}
	l.Log(context.Background(), level, strings.TrimSpace(f[4]), "source", f[2]+":"+f[3])
}
