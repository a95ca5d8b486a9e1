package main

import (
	"debug/elf"
	"debug/gosym"
	"fmt"
	"strconv"
	"strings"
)

// symbolTable finds functions by address. The text form of a heap profile leaves the runtime's
// functions out, and with them maps.
type symbolTable struct{ table *gosym.Table }

// readSymbols reads the functions of a program for Linux.
func readSymbols(program string) (*symbolTable, error) {
	file, err := elf.Open(program)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines, text := file.Section(".gopclntab"), file.Section(".text")
	if lines == nil || text == nil {
		return nil, fmt.Errorf("read symbols of %s: no Go program", program)
	}
	data, err := lines.Data()
	if err != nil {
		return nil, fmt.Errorf("read symbols of %s: %w", program, err)
	}
	table, err := gosym.NewTable(nil, gosym.NewLineTable(data, text.Addr))
	if err != nil {
		return nil, fmt.Errorf("read symbols of %s: %w", program, err)
	}
	return &symbolTable{table}, nil
}

// nameStack returns the functions of return addresses in hexadecimal, the innermost first.
func (s *symbolTable) nameStack(addresses string) (stack []string) {
	for address := range strings.FieldsSeq(addresses) {
		pc, err := strconv.ParseUint(address, 0, 64)
		if err != nil {
			continue
		}
		if function := s.table.PCToFunc(pc - 1); function != nil {
			stack = append(stack, function.Name)
		}
	}
	return stack
}
