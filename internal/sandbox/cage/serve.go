//go:build linux

package cage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-project/slipway/internal/sandbox/balancer"
	"github.com/slipway-project/slipway/internal/sandbox/blockdev"
	"github.com/slipway-project/slipway/internal/sandbox/cgroups"
	"github.com/slipway-project/slipway/internal/sandbox/hosts"
	"github.com/slipway-project/slipway/internal/sandbox/image"
	"github.com/slipway-project/slipway/internal/sandbox/metadata"
	"github.com/slipway-project/slipway/internal/sandbox/netns"
	"github.com/slipway-project/slipway/internal/sandbox/vpcnet"
)

// holderMember is the control group of the holder itself.
const holderMember = "holder"

// headerTimeout bounds how long a client may take to send a request's head.
const headerTimeout = 10 * time.Second

// runServe is the second stage of the holder: it puts the parts together and serves until the context ends.
func runServe(ctx context.Context) error {
	ready, held := os.NewFile(readyFd, "ready"), os.NewFile(lockFd, "lock")
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil)).With("component", "holder")
	err := serve(ctx, ready, held, logger)
	if err != nil {
		logger.Error("failed to hold the cage", "err", err)
		_, writeErr := ready.WriteString(err.Error())
		return errors.Join(err, ignorePipe(writeErr))
	}
	return nil
}

func serve(ctx context.Context, ready, held *os.File, logger *slog.Logger) error {
	var cfg Config
	if err := json.NewDecoder(os.Stdin).Decode(&cfg); err != nil {
		return fmt.Errorf("read configuration of the cage: %w", err)
	}
	h, err := assemble(ctx, cfg, logger)
	if err != nil {
		return err
	}
	listener, err := listen(cfg.socket())
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h.routes(), ReadHeaderTimeout: headerTimeout}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	// It can be told from a dead one now. The lock goes before the starter hears of it: a holder that hangs afterwards must
	// not keep every other sandbox of this machine waiting, nor those who want to end it.
	held.Close()
	if _, err := ready.WriteString(readyWord); err != nil {
		return fmt.Errorf("report readiness: %w", err)
	}
	ready.Close()
	logger.Info("cage is ready", "sandbox", cfg.ID, "public_range", cfg.PublicRange.String())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the cage: %w", err)
	}
	return nil
}

// holder is the parts of the second stage.
type holder struct {
	cfg       Config
	hosts     *hosts.Supervisor
	fabric    *vpcnet.Fabric
	metadata  *metadata.Proxy
	balancers *balancer.Set
	network   chan struct{} // a slot: SetNetwork, one at a time
}

// assemble makes the parts and connects the cage to the machine.
func assemble(ctx context.Context, cfg Config, logger *slog.Logger) (*holder, error) {
	hierarchies, err := cgroups.Machine()
	if err != nil {
		return nil, err
	}
	groups := cgroups.New(cfg.ID, hierarchies)
	if err := groups.Make(holderMember, 0); err != nil {
		return nil, err
	}
	if err := groups.Enter(holderMember); err != nil {
		return nil, err
	}
	nodes, mounts := filepath.Join(cfg.privateDir(), "dev"), filepath.Join(cfg.privateDir(), "hosts")
	for _, dir := range []string{nodes, mounts} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, fmt.Errorf("prepare the cage: %w", err)
		}
	}
	space, err := netns.Current()
	if err != nil {
		return nil, err
	}
	resolver, err := connect(ctx, cfg, space, logger)
	if err != nil {
		return nil, err
	}
	h := &holder{cfg: cfg, network: make(chan struct{}, 1)}
	h.metadata = metadata.New(metadata.Config{
		Socket: cfg.metadataSocket(), Addresses: []netip.Addr{vpcnet.MetadataAddress, vpcnet.APIAddress}, Logger: logger,
	})
	h.fabric = vpcnet.New(vpcnet.Deps{Cage: space, Services: h.metadata, Logger: logger}, vpcnet.Config{Public: cfg.PublicRange, Resolver: resolver})
	h.balancers = balancer.New(logger)
	h.hosts = hosts.New(hosts.Deps{
		Network: h.fabric,
		Volumes: blockdev.Files{Dir: cfg.volumeDir()},
		Loops:   blockdev.NewLoops(nodes, blockdev.Made),
		Groups:  groups,
		Image: func(name string) (string, error) {
			return image.Path(image.Config{Dir: cfg.ImageDir}, name)
		},
		Logger: logger,
	}, hosts.Config{MountDir: mounts, LogDir: cfg.logDir(), Init: cfg.command("host-init"), Sandbox: cfg.ID})
	return h, nil
}

// connect links the cage to the machine and to the outside, and returns the address that resolves names.
func connect(ctx context.Context, cfg Config, space *netns.Namespace, logger *slog.Logger) (netip.Addr, error) {
	outside, err := netns.FromFile(os.NewFile(outsideFd, "outside"))
	if err != nil {
		return netip.Addr{}, err
	}
	routes, err := vpcnet.MachineRoutes(outside)
	if err != nil {
		return netip.Addr{}, err
	}
	egressRange, err := vpcnet.EgressRange(append(routes, cfg.PublicRange))
	if err != nil {
		return netip.Addr{}, err
	}
	if err := vpcnet.Connect(ctx, space, outside, cfg.ID, cfg.PublicRange); err != nil {
		return netip.Addr{}, err
	}
	egress := &vpcnet.Egress{Cage: space, Outside: outside, Range: egressRange, Log: os.Stderr, Logger: logger}
	up := make(chan struct{}, 1)
	go func() {
		_ = egress.Run(ctx, func() { // it ends without an error
			select {
			case up <- struct{}{}:
			default:
			}
		})
	}()
	select {
	case <-up:
	case <-time.After(headerTimeout):
		logger.Warn("egress is not up yet")
	}
	return vpcnet.Resolver(egressRange), nil
}

// listen opens the holder's socket for root alone. A socket file of a dead holder was swept before.
func listen(path string) (net.Listener, error) {
	old := unix.Umask(0o177)
	defer unix.Umask(old)
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	return listener, nil
}
