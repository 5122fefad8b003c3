// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/jszwec/csvutil"
)

// csvFile is a CSV file that rows of type T are added to.
type csvFile[T any] struct {
	f   *os.File
	w   *csv.Writer
	enc *csvutil.Encoder
}

// appendCSV opens a file to add rows to. A new one gets a header; an old one
// must have the same.
func appendCSV[T any](name string) (*csvFile[T], error) {
	var row T
	header, err := csvutil.Header(row, "csv")
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	present, err := csv.NewReader(f).Read()
	switch {
	case errors.Is(err, io.EOF): // empty
		err = nil
	case err != nil:
		err = fmt.Errorf("%s: %w", name, err)
	case !slices.Equal(present, header):
		err = fmt.Errorf("%s has other columns: add to another file", name)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekEnd)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	c := &csvFile[T]{f: f, w: csv.NewWriter(f)}
	c.enc = csvutil.NewEncoder(c.w)
	c.enc.AutoHeader = present == nil
	return c, nil
}

// add writes a row, so that it is in the file whatever comes next.
func (c *csvFile[T]) add(row *T) error {
	if err := c.enc.Encode(*row); err != nil {
		return err
	}
	c.w.Flush()
	return c.w.Error()
}

func (c *csvFile[T]) close() error { return c.f.Close() }

// readCSV reads all rows of a file, whose header must have the columns of T.
func readCSV[T any](name string) ([]T, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	dec, err := csvutil.NewDecoder(csv.NewReader(f))
	if err == nil {
		dec.DisallowMissingColumns = true
		var rows []T
		if err = dec.Decode(&rows); err == nil {
			return rows, nil
		}
	}
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s is empty", name)
	}
	return nil, fmt.Errorf("%s is no file of results: %w", name, err)
}
