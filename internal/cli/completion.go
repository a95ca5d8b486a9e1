package cli

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// maxCompletions is how many names a completion offers.
const maxCompletions = 100

// flagCompletions are the flags that the names of the running Caddy complete.
var flagCompletions = map[string]cobra.CompletionFunc{
	"hub":       completeHubs,
	"namespace": completeNamespaces,
	"to":        completeRooms,
	"in":        completeRooms,
	"except":    completeRooms,
	"prefix":    completeRooms,
}

// addFlagCompletion sets the completion of the flags of a command. Without it, shells
// complete the values with file names, which only --config has.
func addFlagCompletion(cmd *cobra.Command) {
	cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
		if flag.Name == "config" || flag.Value.Type() == "bool" {
			return
		}
		complete, ok := flagCompletions[flag.Name]
		if !ok {
			complete = cobra.NoFileCompletions
		}
		if err := cmd.RegisterFlagCompletionFunc(flag.Name, complete); err != nil {
			panic(err) // the flag has a completion already
		}
	})
}

// named is an item of a list of the admin API.
type named struct {
	Name string `json:"name"`
}

func completeHubs(cmd *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	var status struct {
		Hubs []named `json:"hubs"`
	}
	fetchCompletions(cmd, "", nil, &status)
	return selectNames(status.Hubs, prefix)
}

func completeNamespaces(cmd *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	q := (&invocation{cmd}).scopeQuery()
	q.Del("namespace")
	var list []named
	fetchCompletions(cmd, "namespaces", q, &list)
	return selectNames(list, prefix)
}

// completeRooms completes the name of a room of this node. Sockets' own ids are no
// candidates: a namespace may have thousands.
func completeRooms(cmd *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	q := (&invocation{cmd}).scopeQuery()
	q.Set("prefix", prefix)
	q.Set("limit", strconv.Itoa(maxCompletions))
	var list []named
	fetchCompletions(cmd, "rooms", q, &list)
	return selectNames(list, prefix)
}

// fetchCompletions makes a GET request and decodes the reply. Without a reply there are no
// completions: an error message would be written into the line that the user types.
func fetchCompletions(cmd *cobra.Command, operation string, q url.Values, reply any) {
	if _, text, err := (&invocation{cmd}).sendRequest(http.MethodGet, operation, q, nil, nil); err == nil {
		_ = json.Unmarshal(text, reply)
	}
}

// selectNames returns the first names of a list that begin with prefix. It leaves out names
// with control characters: clients choose names, and the shell reads one name a line.
func selectNames(list []named, prefix string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, item := range list {
		if strings.HasPrefix(item.Name, prefix) && quoteUnprintable(item.Name) == item.Name && len(names) < maxCompletions {
			names = append(names, item.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
