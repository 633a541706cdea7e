package rollouttest

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"

	api "github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/api/types/system"

	"github.com/slipway-project/slipway/internal/host"
)

// DialEngine opens a connection to the engine's API, in memory.
func (c *connection) DialEngine(ctx context.Context) (net.Conn, error) {
	c.fleet.mu.Lock()
	defer c.fleet.mu.Unlock()
	if err := c.alive(ctx, "docker system dial-stdio"); err != nil {
		return nil, err
	}
	if !c.Active {
		return nil, &host.ExitError{Host: c.Node.Name, Command: "docker system dial-stdio", Code: 1, Stderr: "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"}
	}
	ours, theirs := net.Pipe()
	server := &http.Server{Handler: c.Host.engine()}                  //nolint:gosec // in memory
	go server.Serve(&single{conn: theirs, done: make(chan struct{})}) //nolint:errcheck // ends with the connection
	c.closers = append(c.closers, func() { _ = ours.Close(); _ = server.Close() })
	return ours, nil
}

// single is a listener with one connection to accept.
type single struct {
	mu   sync.Mutex
	conn net.Conn
	done chan struct{}
	once sync.Once
}

func (s *single) Accept() (net.Conn, error) {
	s.mu.Lock()
	conn := s.conn
	s.conn = nil
	s.mu.Unlock()
	if conn != nil {
		return conn, nil
	}
	<-s.done
	return nil, net.ErrClosed
}

func (s *single) Close() error {
	s.once.Do(func() { close(s.done) })
	return nil
}

func (s *single) Addr() net.Addr { return &net.UnixAddr{Name: "engine", Net: "unix"} }

// engine serves the API of version 1.41, as Docker Engine 20.10 does.
func (h *Host) engine() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("HEAD /_ping", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		w.Header().Set("Ostype", "linux")
	})
	handle := func(pattern string, do func(r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			h.fleet.mu.Lock()
			answer, err := do(r)
			body := encode(answer, err) // under the lock: it may point into the fleet
			h.fleet.mu.Unlock()
			reply(w, body, err)
		})
	}
	handle("GET /v1.41/info", func(r *http.Request) (any, error) {
		if h.Leaderless {
			h.fleet.mu.Unlock()
			<-r.Context().Done()
			h.fleet.mu.Lock()
		}
		return system.Info{ServerVersion: "20.10.24", Name: h.Hostname, Swarm: h.info()}, nil
	})
	handle("GET /v1.41/version", func(*http.Request) (any, error) {
		return map[string]string{"Version": "20.10.24", "ApiVersion": "1.41"}, nil
	})
	handle("POST /v1.41/swarm/init", func(r *http.Request) (any, error) {
		var request api.InitRequest
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			return nil, err
		}
		err := h.init(request)
		return h.nodeID, err
	})
	handle("POST /v1.41/swarm/join", func(r *http.Request) (any, error) {
		var request api.JoinRequest
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			return nil, err
		}
		return nil, h.join(request)
	})
	handle("POST /v1.41/swarm/leave", func(*http.Request) (any, error) {
		h.leave()
		return nil, nil
	})
	h.control(handle)
	return mux
}

// control serves the calls that only a manager with quorum answers.
func (h *Host) control(handle func(string, func(*http.Request) (any, error))) {
	manager := func(pattern string, do func(s *swarm, r *http.Request) (any, error)) {
		handle(pattern, func(r *http.Request) (any, error) {
			switch {
			case !h.info().ControlAvailable:
				return nil, errNotManager
			case !h.swarm.quorum(h.fleet):
				return nil, errNoLeader
			}
			h.swarm.look(h.fleet)
			return do(h.swarm, r)
		})
	}
	manager("GET /v1.41/swarm", func(s *swarm, _ *http.Request) (any, error) {
		return api.Swarm{ClusterInfo: api.ClusterInfo{ID: s.id, DefaultAddrPool: s.pool}, JoinTokens: s.tokens}, nil
	})
	manager("GET /v1.41/nodes", func(s *swarm, _ *http.Request) (any, error) { return s.nodes, nil })
	manager("GET /v1.41/nodes/{id}", func(s *swarm, r *http.Request) (any, error) {
		if n := s.node(r.PathValue("id")); n != nil {
			return n, nil
		}
		return nil, refuse(http.StatusNotFound, "node %s not found", r.PathValue("id"))
	})
	manager("POST /v1.41/nodes/{id}/update", func(s *swarm, r *http.Request) (any, error) {
		var spec api.NodeSpec
		if err := json.NewDecoder(r.Body).Decode(&spec); err != nil {
			return nil, err
		}
		version, err := strconv.ParseUint(r.URL.Query().Get("version"), 10, 64)
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "invalid node version")
		}
		return nil, s.update(h.fleet, r.PathValue("id"), version, spec)
	})
	manager("DELETE /v1.41/nodes/{id}", func(s *swarm, r *http.Request) (any, error) { return nil, s.remove(r.PathValue("id")) })
	manager("GET /v1.41/tasks", func(s *swarm, r *http.Request) (any, error) {
		var filters map[string]map[string]bool
		if err := json.Unmarshal([]byte(r.URL.Query().Get("filters")), &filters); err != nil {
			return nil, err
		}
		tasks := []api.Task{}
		for id := range filters["node"] {
			if m := s.member(h.fleet, id); m != nil {
				for range m.Tasks {
					tasks = append(tasks, api.Task{NodeID: id, Status: api.TaskStatus{State: api.TaskStateRunning}})
				}
			}
		}
		return tasks, nil
	})
}

// encode returns an answer, or an error, as the engine writes it.
func encode(answer any, err error) []byte {
	if err != nil {
		answer = map[string]string{"message": err.Error()}
	}
	body, encodeErr := json.Marshal(answer)
	if encodeErr != nil {
		panic(encodeErr) // everything that is answered can be encoded
	}
	return body
}

// reply answers as the engine does.
func reply(w http.ResponseWriter, body []byte, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		status := http.StatusInternalServerError
		var f failure
		if errors.As(err, &f) {
			status = f.status
		}
		w.WriteHeader(status)
	}
	_, _ = w.Write(body)
}
