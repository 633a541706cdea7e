package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/sandbox/catalog"
	"github.com/slipway-project/slipway/internal/sandbox/machine"
	"github.com/slipway-project/slipway/internal/sandbox/machine/machinetest"
	"github.com/slipway-project/slipway/internal/sandbox/network"
	"github.com/slipway-project/slipway/internal/sandbox/reconcile"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

const region = "us-east-1"

// world is an account with one subnet, on a machine, under a reconciler that can be restarted.
type world struct {
	*testing.T
	store *state.Store
	fake  *machinetest.Fake
	stop  func()
}

// inWorld runs a test in a bubble of its own time.
func inWorld(t *testing.T, test func(w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, store: state.InMemory(), fake: machinetest.NewFake()}
		w.update(func(e *state.EC2) {
			e.VPCs["vpc-1"] = &state.VPC{ID: "vpc-1", CIDR: "10.0.0.0/16"}
			e.Subnets["subnet-1"] = &state.Subnet{ID: "subnet-1", VPC: "vpc-1", CIDR: "10.0.0.0/24", Zone: region + "a"}
		})
		w.start()
		t.Cleanup(func() { w.stop() })
		test(w)
	})
}

// start runs a new reconciler.
func (w *world) start() { w.startOn(w.fake) }

// startOn runs a new reconciler on a machine.
func (w *world) startOn(m machine.Machine) {
	set, err := settings.New(settings.Values{Latency: settings.None, Scale: 1})
	if err != nil {
		w.Fatal(err)
	}
	r := reconcile.New(reconcile.Deps{Store: w.store, Machine: m, Delay: set.Delay, Logger: slog.New(slog.DiscardHandler)}, reconcile.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	w.stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.Errorf("the reconciler ended: %v", err)
		}
		w.stop = func() {}
	}
}

// update changes the region's EC2.
func (w *world) update(change func(*state.EC2)) {
	w.Helper()
	if err := w.store.Update(func(d *state.Data) error {
		change(&d.Region(region).EC2)
		return nil
	}); err != nil {
		w.Fatal(err)
	}
}

// launch puts a pending instance with a root volume into the account.
func (w *world) launch(id string) {
	w.Helper()
	if err := w.store.Update(func(d *state.Data) error {
		e := &d.Region(region).EC2
		n, err := network.NewInterface(d, region, netip.MustParsePrefix("198.18.0.0/16"), network.InterfaceSpec{Subnet: "subnet-1", Public: true})
		if err != nil {
			return err
		}
		n.Instance = id
		e.Instances[id] = &state.Instance{
			ID: id, Type: "m5.large", Image: catalog.Images(region)[0].ID, VPC: "vpc-1", Subnet: "subnet-1", Zone: region + "a", Interface: n.ID,
			State: state.InstancePending, RootDevice: "/dev/xvda", Devices: []state.InstanceDevice{{Name: "/dev/xvda", Volume: "vol-" + id}},
		}
		e.Volumes["vol-"+id] = &state.Volume{
			ID: "vol-" + id, SizeGiB: 8, Zone: region + "a", State: state.VolumeInUse,
			Attachment: &state.VolumeAttachment{Instance: id, Device: "/dev/xvda", State: state.AttachmentAttaching, DeleteOnTermination: true},
		}
		return nil
	}); err != nil {
		w.Fatal(err)
	}
	w.settle()
}

// settle lets the reconciler do everything, the machine being asked at least twice.
func (w *world) settle() {
	<-time.After(3 * time.Second)
	synctest.Wait()
}

// instance returns a copy of an instance.
func (w *world) instance(id string) (i state.Instance) {
	w.Helper()
	if err := w.store.View(func(d *state.Data) error {
		i = *d.Region(region).EC2.Instances[id]
		return nil
	}); err != nil {
		w.Fatal(err)
	}
	return i
}

// wantHosts checks which hosts the machine has.
func (w *world) wantHosts(want ...string) {
	w.Helper()
	var got []string
	for _, h := range w.fake.Hosts() {
		got = append(got, h.ID)
	}
	if !slices.Equal(got, want) {
		w.Errorf("hosts: got %v, want %v", got, want)
	}
}

func TestNewDaemonAdoptsRunningHosts(t *testing.T) {
	inWorld(t, func(w *world) {
		w.launch("i-1")
		w.stop()
		before := len(w.fake.Calls())
		w.start()
		w.settle()
		for _, call := range w.fake.Calls()[before:] {
			if !strings.HasPrefix(call, "Status") && !strings.HasPrefix(call, "SetNetwork") {
				w.Errorf("the new daemon did something to a host that runs: %s", call)
			}
		}
		if i := w.instance("i-1"); i.State != state.InstanceRunning || i.Impaired {
			w.Errorf("adopted: %+v", i)
		}
	})
}

func TestNewMachineBootsWhatRan(t *testing.T) {
	inWorld(t, func(w *world) {
		w.launch("i-1")
		w.fake.Crash()
		w.settle()
		w.wantHosts("i-1")
		if n := w.fake.Network(); len(n.VPCs) != 1 || len(n.VPCs[0].Endpoints) != 1 {
			w.Errorf("network: %+v", n)
		}
	})
}

func TestDeadHostImpairsItsInstance(t *testing.T) {
	inWorld(t, func(w *world) {
		w.launch("i-1")
		w.fake.Kill("i-1")
		w.settle()
		if i := w.instance("i-1"); i.State != state.InstanceRunning || !i.Impaired || i.ImpairedSince.IsZero() {
			w.Errorf("instance of a dead host: %+v", i)
		}
		w.update(func(e *state.EC2) { e.Instances["i-1"].State = state.InstanceStopping })
		w.settle()
		w.update(func(e *state.EC2) { e.Instances["i-1"].State = state.InstancePending })
		w.settle()
		if i := w.instance("i-1"); i.State != state.InstanceRunning || i.Impaired || w.fake.Boots("i-1") != 1 {
			w.Errorf("after stop and start: %+v", i)
		}
	})
}

func TestHostThatSwitchesItselfOff(t *testing.T) {
	for _, test := range []struct {
		terminate bool
		want      string
	}{{false, state.InstanceStopped}, {true, state.InstanceTerminated}} {
		t.Run(test.want, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.launch("i-1")
				w.update(func(e *state.EC2) { e.Instances["i-1"].TerminateOnHalt = test.terminate })
				w.fake.PowerOff("i-1")
				w.settle()
				if i := w.instance("i-1"); i.State != test.want || i.ReasonCode != "Client.InstanceInitiatedShutdown" {
					w.Errorf("got %+v, want %s", i, test.want)
				}
				w.wantHosts()
			})
		})
	}
}

func TestDrills(t *testing.T) {
	inWorld(t, func(w *world) {
		w.launch("i-1")
		drill := func(name string) {
			w.update(func(e *state.EC2) { e.Instances["i-1"].Drill = name })
			w.settle()
		}
		drill(state.DrillCut)
		if !w.fake.Network().VPCs[0].Endpoints[0].Cut {
			w.Error("the network is not cut")
		}
		drill(state.DrillDead)
		w.wantHosts()
		if !w.instance("i-1").Impaired {
			w.Error("the instance is not impaired")
		}
		drill(state.DrillNone)
		w.wantHosts("i-1")
		if w.instance("i-1").Impaired || w.fake.Network().VPCs[0].Endpoints[0].Cut {
			w.Error("the instance did not heal")
		}
	})
}

func TestFailingMachineIsTriedAgain(t *testing.T) {
	for _, method := range []string{"Status", "SetNetwork", "CreateVolume", "StartHost", "StopHost", "DeleteVolume"} {
		t.Run(method, func(t *testing.T) {
			inWorld(t, func(w *world) {
				var failures atomic.Int32
				w.stop()
				w.fake = machinetest.NewFake()
				w.fake.Fault = func(m, _ string) error {
					if m == method && failures.Add(1) <= 3 {
						return errors.New("broken for now")
					}
					return nil
				}
				w.start()
				w.launch("i-1")
				<-time.After(time.Minute)
				synctest.Wait()
				if i := w.instance("i-1"); i.State != state.InstanceRunning {
					w.Errorf("the instance is %s", i.State)
				}
				w.update(func(e *state.EC2) { e.Instances["i-1"].State = state.InstanceShuttingDown })
				<-time.After(time.Minute)
				synctest.Wait()
				w.wantHosts()
				if volumes := w.fake.Volumes(); len(volumes) != 0 || failures.Load() < 3 {
					w.Errorf("volumes %v after %d failures", volumes, failures.Load())
				}
			})
		})
	}
}

func TestStartThatFailsForEverIsGivenUp(t *testing.T) {
	for _, method := range []string{"CreateVolume", "StartHost"} {
		t.Run(method, func(t *testing.T) {
			inWorld(t, func(w *world) {
				var broken atomic.Bool
				broken.Store(true)
				w.stop()
				w.fake = machinetest.NewFake()
				w.fake.Fault = func(m, _ string) error {
					if m == method && broken.Load() {
						return errors.New("no space left on device")
					}
					return nil
				}
				w.start()
				w.launch("i-1")
				<-time.After(time.Minute)
				synctest.Wait()
				if i := w.instance("i-1"); i.State != state.InstanceTerminated || !strings.Contains(i.Reason, "no space left") || i.ReasonCode != "Server.InternalError" {
					w.Errorf("a new instance whose host cannot start: %+v", i)
				}
				broken.Store(false)
				w.launch("i-2")
				w.update(func(e *state.EC2) { e.Instances["i-2"].State = state.InstanceStopping })
				w.settle()
				broken.Store(true)
				w.update(func(e *state.EC2) { e.Instances["i-2"].State = state.InstancePending })
				<-time.After(time.Minute)
				synctest.Wait()
				want := map[string]string{"CreateVolume": state.InstanceRunning, "StartHost": state.InstanceStopped}[method]
				if i := w.instance("i-2"); i.State != want {
					w.Errorf("an instance that ran before: %+v, want %s", i, want)
				}
			})
		})
	}
}

// stillborn is a machine whose hosts start, and whose init dies before anybody sees it alive.
type stillborn struct {
	*machinetest.Fake
	left atomic.Int32 // hosts that will die so
}

func (s *stillborn) StartHost(ctx context.Context, h machine.Host) error {
	err := s.Fake.StartHost(ctx, h)
	if err == nil && s.left.Add(-1) >= 0 {
		s.Kill(h.ID)
	}
	return err
}

func TestHostThatDiesAsItBoots(t *testing.T) {
	for name, test := range map[string]struct {
		deaths int32
		want   string
	}{
		"thrice":     {3, state.InstanceRunning},
		"every time": {1000, state.InstanceTerminated},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.stop()
				m := &stillborn{Fake: w.fake}
				m.left.Store(test.deaths)
				w.startOn(m)
				w.launch("i-1")
				<-time.After(time.Minute)
				synctest.Wait()
				i := w.instance("i-1")
				if i.State != test.want || i.Impaired {
					t.Errorf("got %+v, want %s", i, test.want)
				}
				if test.want == state.InstanceTerminated && (!strings.Contains(i.Reason, "killed by signal 9") || i.ReasonCode != "Server.InternalError") {
					t.Errorf("the reason is %s: %s", i.ReasonCode, i.Reason)
				}
				if test.want == state.InstanceTerminated {
					w.wantHosts()
				}
			})
		})
	}
}

// TestHostThatDiesWhileItsInstanceIsPending: an instance runs when its time has come, whatever became of what runs in it, as on AWS.
func TestHostThatDiesWhileItsInstanceIsPending(t *testing.T) {
	inWorld(t, func(w *world) {
		w.launch("i-1")
		w.update(func(e *state.EC2) {
			e.Instances["i-1"].State, e.Instances["i-1"].Due = state.InstancePending, time.Now().Add(30*time.Second)
		})
		w.settle()
		w.fake.Kill("i-1")
		w.settle()
		if i := w.instance("i-1"); i.State != state.InstancePending {
			t.Errorf("before its time: %+v", i)
		}
		<-time.After(30 * time.Second)
		synctest.Wait()
		if i := w.instance("i-1"); i.State != state.InstanceRunning || !i.Impaired {
			t.Errorf("after its time: %+v", i)
		}
	})
}

// TestRunningInstanceWithoutHostIsImpaired: the machine was booted anew and cannot start what ran on it.
func TestRunningInstanceWithoutHostIsImpaired(t *testing.T) {
	inWorld(t, func(w *world) {
		w.launch("i-1")
		w.stop()
		w.fake = machinetest.NewFake() // without its volume
		w.start()
		<-time.After(time.Minute)
		synctest.Wait()
		if i := w.instance("i-1"); i.State != state.InstanceRunning || !i.Impaired {
			t.Errorf("got %+v", i)
		}
	})
}

func TestHostWithoutInstanceIsStopped(t *testing.T) {
	inWorld(t, func(w *world) {
		w.launch("i-1")
		w.stop()
		w.update(func(e *state.EC2) { e.Instances["i-1"].State = state.InstanceStopped })
		w.start()
		w.settle()
		w.wantHosts()
	})
}

func TestQuietAccountIsLeftAlone(t *testing.T) {
	inWorld(t, func(w *world) {
		w.launch("i-1")
		changed, stop := w.store.Watch()
		defer stop()
		before := len(w.fake.Calls())
		<-time.After(10 * time.Second)
		synctest.Wait()
		select {
		case <-changed:
			w.Error("the store is written though nothing happens")
		default:
		}
		if calls := w.fake.Calls()[before:]; len(calls) > 12 || slices.ContainsFunc(calls, func(c string) bool { return !strings.HasPrefix(c, "Status") }) {
			w.Errorf("calls in ten quiet seconds: %v", calls)
		}
	})
}

func TestStartsAreLimited(t *testing.T) {
	inWorld(t, func(w *world) {
		var now, most atomic.Int32
		w.stop()
		slow := &slowMachine{Fake: w.fake, now: &now, most: &most}
		set, err := settings.New(settings.Values{Latency: settings.None, Scale: 1})
		if err != nil {
			w.Fatal(err)
		}
		r := reconcile.New(reconcile.Deps{Store: w.store, Machine: slow, Delay: set.Delay, Logger: slog.New(slog.DiscardHandler)}, reconcile.Config{Parallel: 2})
		ctx, cancel := context.WithCancel(w.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		for n := range 6 {
			w.launch(fmt.Sprint("i-", n))
		}
		<-time.After(time.Minute)
		cancel()
		if err := <-done; err != nil || most.Load() != 2 || len(w.fake.Hosts()) != 6 {
			w.Errorf("error %v, %d starts at a time, %d hosts; want 2 and 6", err, most.Load(), len(w.fake.Hosts()))
		}
	})
}

// slowMachine takes five seconds to start a host and counts how many it starts at a time.
type slowMachine struct {
	*machinetest.Fake
	now, most *atomic.Int32
}

func (s *slowMachine) StartHost(ctx context.Context, h machine.Host) error {
	s.most.Store(max(s.most.Load(), s.now.Add(1)))
	defer s.now.Add(-1)
	<-time.After(5 * time.Second)
	return s.Fake.StartHost(ctx, h)
}

func TestBusyVolumeStaysUntilItIsLetGo(t *testing.T) {
	inWorld(t, func(w *world) {
		w.stop()
		w.fake = machinetest.NewFake()
		var held atomic.Bool
		held.Store(true)
		w.fake.Fault = func(method, _ string) error {
			if method == "DetachVolume" && held.Load() {
				return errMounted
			}
			return nil
		}
		w.start()
		w.launch("i-1")
		w.update(func(e *state.EC2) {
			e.Volumes["vol-d"] = &state.Volume{
				ID: "vol-d", SizeGiB: 1, Zone: region + "a", State: state.VolumeInUse,
				Attachment: &state.VolumeAttachment{Instance: "i-1", Device: "/dev/sdf", State: state.AttachmentAttaching},
			}
			e.Instances["i-1"].Devices = append(e.Instances["i-1"].Devices, state.InstanceDevice{Name: "/dev/sdf", Volume: "vol-d"})
		})
		w.settle()
		w.update(func(e *state.EC2) { e.Volumes["vol-d"].Attachment.State = state.AttachmentDetaching })
		w.settle()
		status := func() (got string) {
			_ = w.store.View(func(d *state.Data) error {
				got = d.Region(region).EC2.Volumes["vol-d"].State
				if a := d.Region(region).EC2.Volumes["vol-d"].Attachment; a != nil {
					got += " " + a.State
				}
				return nil
			})
			return got
		}
		if diff := cmp.Diff("in-use busy", status()); diff != "" {
			w.Error(diff)
		}
		held.Store(false)
		<-time.After(time.Minute)
		synctest.Wait()
		if diff := cmp.Diff("available", status()); diff != "" {
			w.Error(diff)
		}
	})
}
