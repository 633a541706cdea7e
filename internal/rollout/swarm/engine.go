package swarm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	api "github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/host"
	"github.com/slipway-project/slipway/internal/secret"
)

// Dialer opens connections to the API of a host's engine. host.Host is one.
type Dialer interface {
	Name() string
	DialEngine(ctx context.Context) (net.Conn, error)
}

// Engine is the API of one host's engine.
type Engine struct {
	node string
	api  *client.Client
}

// callLimit bounds every call, so that an engine which hangs holds nothing up for ever. The longest, a join, gives up by itself after 20 s.
const callLimit = 2 * time.Minute

// NewEngine returns the API of a host's engine. It does no I/O; Close gives back the connections that calls have opened.
func NewEngine(d Dialer) (*Engine, error) {
	// The address stays the default socket's, so that no proxy of the operator's environment is asked; only the way there differs.
	c, err := client.New(client.WithTimeout(callLimit),
		client.WithDialContext(func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialEngine(ctx) }))
	if err != nil {
		return nil, fmt.Errorf("open engine's API of %s: %w", d.Name(), err)
	}
	return &Engine{node: d.Name(), api: c}, nil
}

// Close closes idle connections.
func (e *Engine) Close() error { return e.api.Close() }

// wrap says which call on which engine failed, and of what kind the failure is.
func (e *Engine) wrap(err error, verb string) error {
	if err == nil {
		return nil
	}
	message := fmt.Sprintf("%s through the engine of %s", verb, e.node)
	var (
		known *errs.Error
		exit  *host.ExitError
	)
	switch {
	case errors.As(err, &known): // the way to the host failed; what the client adds to it only hides it
		return fmt.Errorf("%s: %w", message, known)
	case errors.As(err, &exit):
		return errs.Wrap(errs.Unavailable, exit, message).WithRetry().
			WithRemedy("see whether docker runs there: slipway ssh " + e.node + " -- systemctl status docker")
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", message, err)
	case errors.Is(err, context.DeadlineExceeded):
		return errs.Wrap(errs.Unavailable, context.DeadlineExceeded, message+": no answer in time").WithRetry()
	case noLeader(err):
		return errs.Wrap(errs.Unavailable, err, message).WithRetry()
	case cerrdefs.IsNotFound(err):
		return errs.Wrap(errs.NotFound, err, message)
	case cerrdefs.IsInvalidArgument(err):
		return errs.Wrap(errs.Invalid, err, message)
	case cerrdefs.IsConflict(err):
		return errs.Wrap(errs.Conflict, err, message)
	default:
		return errs.Wrap(errs.Unavailable, err, message).WithRetry()
	}
}

// noLeader reports whether a manager said that the swarm has no quorum, or was too long without one to answer.
func noLeader(err error) bool {
	if err == nil {
		return false
	}
	text := err.Error()
	return strings.Contains(text, "does not have a leader") || strings.Contains(text, "too few managers") ||
		strings.Contains(text, "DeadlineExceeded") || strings.Contains(text, "raft: stopped")
}

// Version returns the engine's version. Unlike Info it does not need the swarm, which without a leader keeps Info waiting.
func (e *Engine) Version(ctx context.Context) (string, error) {
	r, err := e.api.ServerVersion(ctx, client.ServerVersionOptions{})
	return r.Version, e.wrap(err, "ask for its version")
}

// Info returns the engine's view of itself.
func (e *Engine) Info(ctx context.Context) (system.Info, error) {
	r, err := e.api.Info(ctx, client.InfoOptions{})
	return r.Info, e.wrap(err, "ask for its state")
}

// Init makes a new swarm with this engine as its first manager.
func (e *Engine) Init(ctx context.Context, advertise string, pool netip.Prefix) error {
	_, err := e.api.SwarmInit(ctx, client.SwarmInitOptions{
		ListenAddr: listenAddress, AdvertiseAddr: advertise, DataPathAddr: advertise,
		DefaultAddrPool: []netip.Prefix{pool}, SubnetSize: uint32(max(overlayBits, pool.Bits())), // at most 32
		Availability: api.NodeAvailabilityActive,
	})
	return e.wrap(err, "initialize swarm")
}

// Join makes this engine a member of the swarm of the managers. The token decides on the role.
func (e *Engine) Join(ctx context.Context, advertise string, managers []string, token secret.Secret) error {
	_, err := e.api.SwarmJoin(ctx, client.SwarmJoinOptions{
		ListenAddr: listenAddress, AdvertiseAddr: advertise, DataPathAddr: advertise,
		RemoteAddrs: managers, JoinToken: token.Reveal(), Availability: api.NodeAvailabilityActive,
	})
	if err != nil && strings.Contains(err.Error(), "attempt to join the swarm will continue") {
		return nil // the engine goes on by itself; the next look shows what became of it
	}
	return e.wrap(redact(err, token), "join swarm")
}

// redact drops an error that quotes a secret.
func redact(err error, s secret.Secret) error {
	if err == nil || s.IsZero() || !strings.Contains(err.Error(), s.Reveal()) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), s.Reveal(), s.String()))
}

// Leave makes this engine leave its swarm, even as a manager.
func (e *Engine) Leave(ctx context.Context) error {
	_, err := e.api.SwarmLeave(ctx, client.SwarmLeaveOptions{Force: true})
	return e.wrap(err, "leave swarm")
}

// Swarm is what a manager says of the swarm as a whole.
type Swarm struct {
	ID      string
	Pool    []netip.Prefix
	Tokens  map[api.NodeRole]secret.Secret
	Members []api.Node
}

// Inspect returns the swarm as this manager sees it.
func (e *Engine) Inspect(ctx context.Context) (Swarm, error) {
	r, err := e.api.SwarmInspect(ctx, client.SwarmInspectOptions{})
	if err != nil {
		return Swarm{}, e.wrap(err, "inspect swarm")
	}
	nodes, err := e.Nodes(ctx)
	if err != nil {
		return Swarm{}, err
	}
	return Swarm{ID: r.Swarm.ID, Pool: r.Swarm.DefaultAddrPool, Members: nodes, Tokens: map[api.NodeRole]secret.Secret{
		api.NodeRoleManager: secret.New(r.Swarm.JoinTokens.Manager), api.NodeRoleWorker: secret.New(r.Swarm.JoinTokens.Worker),
	}}, nil
}

// Nodes returns the swarm's nodes as this manager sees them.
func (e *Engine) Nodes(ctx context.Context) ([]api.Node, error) {
	r, err := e.api.NodeList(ctx, client.NodeListOptions{})
	return r.Items, e.wrap(err, "list swarm nodes")
}

// Update changes a node's spec; change returns false where nothing is to be changed. A change that another one overtook is made again.
func (e *Engine) Update(ctx context.Context, id string, change func(*api.NodeSpec) bool) error {
	const attempts = 5
	var err error
	for range attempts {
		r, inspectErr := e.api.NodeInspect(ctx, id, client.NodeInspectOptions{})
		if inspectErr != nil {
			return e.wrap(inspectErr, "inspect swarm node "+id)
		}
		spec := r.Node.Spec
		if !change(&spec) {
			return nil
		}
		_, err = e.api.NodeUpdate(ctx, id, client.NodeUpdateOptions{Version: r.Node.Version, Spec: spec})
		if err == nil || !strings.Contains(err.Error(), "update out of sequence") {
			break
		}
	}
	return e.wrap(err, "update swarm node "+id)
}

// Remove takes a node off the swarm's list, whatever its state. One that is not there is removed.
func (e *Engine) Remove(ctx context.Context, id string) error {
	_, err := e.api.NodeRemove(ctx, id, client.NodeRemoveOptions{Force: true})
	if cerrdefs.IsNotFound(err) {
		return nil
	}
	return e.wrap(err, "remove swarm node "+id)
}

// Busy returns how many tasks on the node have not ended yet.
func (e *Engine) Busy(ctx context.Context, id string) (int, error) {
	r, err := e.api.TaskList(ctx, client.TaskListOptions{Filters: client.Filters{}.Add("node", id)})
	if err != nil {
		return 0, e.wrap(err, "list tasks of swarm node "+id)
	}
	n := 0
	for _, task := range r.Items {
		if !ended(task.Status.State) {
			n++
		}
	}
	return n, nil
}

// ended reports whether a task in the state will never run again.
func ended(s api.TaskState) bool {
	switch s {
	case api.TaskStateComplete, api.TaskStateShutdown, api.TaskStateFailed, api.TaskStateRejected, api.TaskStateRemove, api.TaskStateOrphaned:
		return true
	case api.TaskStateNew, api.TaskStateAllocated, api.TaskStatePending, api.TaskStateAssigned, api.TaskStateAccepted, api.TaskStatePreparing,
		api.TaskStateReady, api.TaskStateStarting, api.TaskStateRunning:
		return false
	}
	return false
}

// listenAddress is where managers listen; the advertised address is the one in the VPC.
const listenAddress = "0.0.0.0:2377"

// port of the swarm's managers.
const port = "2377"

// overlayBits is the size of each overlay network out of the pool: 254 addresses, the most that Docker recommends.
const overlayBits = 24
