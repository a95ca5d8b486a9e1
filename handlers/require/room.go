package require

import (
	"regexp"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// roomType is the type of the variable room, which has no fields.
var roomType = newObjectType("socketio.Room", nil)

// roomFunction is room.sockets(NAME), the number of sockets of this node in a room.
func roomFunction() cel.EnvOption {
	return cel.Function("sockets", cel.MemberOverload("room_sockets_string", []*cel.Type{roomType.cel, cel.StringType}, cel.IntType,
		cel.BinaryBinding(func(room, name ref.Val) ref.Val {
			o, isRoom := room.(*object)
			text, isText := name.(types.String)
			if !isRoom || !isText {
				return types.MaybeNoSuchOverloadErr(name)
			}
			return types.Int(o.scope.event.RoomSize(string(text)))
		})))
}

// roomCall finds calls of roomFunction, and maybe text that looks like one.
var roomCall = regexp.MustCompile(`\.\s*sockets\s*\(`)

// ReadsCounts reports whether the expression or the message has the number of sockets in a
// room.
func (r *Handler) ReadsCounts() bool {
	return roomCall.MatchString(r.Expr) || r.message.ReadsCounts()
}
