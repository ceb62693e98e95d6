package smarttree

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"smarttree.example/smarttree/internal/eventstream"
)

// Why a stream or a mirror ends for good; a [*Problem] is the other reason. Whatever else happens is tried again.
var (
	ErrNotAStream = errors.New("smarttree: the server answers with something else than an event stream")
	ErrProtocol   = errors.New("smarttree: the server speaks a later protocol than this client: upgrade the client")
	ErrTooLarge   = fmt.Errorf("smarttree: an event or batch of the stream: %w", eventstream.ErrTooLarge)
)

// ProtocolVersion is the latest version of the protocol that this client speaks.
const ProtocolVersion = 1

// Problem is an answer of a server that is not the one that was asked for.
type Problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"` // stable; empty where whoever answered was no smarttree server
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Clock  string `json:"clock"` // of unknown-clock: the one to go on from
}

func (p *Problem) Error() string {
	what := p.Detail
	if what == "" {
		what = http.StatusText(p.Status)
	}
	if p.Code == "" {
		return fmt.Sprintf("smarttree: %d: %s", p.Status, what)
	}
	return fmt.Sprintf("smarttree: %d %s: %s", p.Status, p.Code, what)
}

const maxProblemBytes = 64 << 10

// problemOf reads what a server says of an answer that is none.
func problemOf(response *http.Response) *Problem {
	problem := &Problem{}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxProblemBytes))
	if err != nil || json.Unmarshal(body, problem) != nil {
		problem = &Problem{}
	}
	problem.Status = response.StatusCode
	return problem
}

func checkProtocol(version int) error {
	if version > ProtocolVersion {
		return fmt.Errorf("%w (it speaks %d, this client %d)", ErrProtocol, version, ProtocolVersion)
	}
	return nil
}
