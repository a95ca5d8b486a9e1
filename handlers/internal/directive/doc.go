// Package directive reads the parts that directives of handlers have in common.
package directive
