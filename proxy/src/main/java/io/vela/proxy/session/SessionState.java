package io.vela.proxy.session;

import io.vela.agent.Role;
import io.vela.proxy.auth.AuthMethod;
import io.vela.proxy.park.SessionMemory;
import io.vela.proxy.tls.TlsHandshake;
import io.vela.proxy.wire.ProtocolViolation;
import io.vela.proxy.wire.StartupPacket;
import io.vela.router.Target;
import io.vela.router.branch.BranchLease;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * Where a session stands. Each legal transition is a method of the state it leaves; there is no
 * other way to make a state.
 *
 * <pre>
 *            SSLRequest, GSSENCRequest
 *                 +----+
 *                 v    |     granted, or TLS at once
 *           AwaitingStartup --------------------------&gt; Securing
 *                 |  ^                                    | handshake succeeded
 *                 |  +------------------------------------+
 *                 | StartupMessage
 *                 v
 *             Locating ............... which branch, which verifier; wakes nothing
 *                 | found
 *                 v
 *           Authenticating ........... password exchange; wakes nothing
 *                 | proven
 *                 v          again
 *              Waking &lt;--------------+ ... waits for a lease
 *               ^ | leased           |
 *               | v                  |
 *               | Connecting --------+ ... startup with the backend; the instance was gone
 *   has a      |  |       |
 *   request    |  | new   | parked before
 *               |  |       v
 *               |  |    Restoring ........ the backend gets the session's state
 *               |  v       | restored
 *               |  Relaying &lt;---+-------+
 *               |     | idle            | vetoed, or not idle any more
 *               |     v                 |
 *               |  Parking -------------+ ... its state is captured; the client's bytes are held
 *               |     | captured
 *               |     v
 *               +- Parked ................ no backend
 *
 *              Closed  (from every state)
 * </pre>
 */
sealed interface SessionState {
  /** The state of a new connection. */
  static AwaitingStartup initial() {
    return new AwaitingStartup(false, false);
  }

  /** A state that is not the last. */
  sealed interface Open extends SessionState {
    /** Ends the session. */
    default Closed close(Ending ending) {
      return new Closed(ending);
    }
  }

  /**
   * Nothing is known of the client.
   *
   * @param tlsRefused whether it may not ask for TLS any more
   * @param gssRefused whether it may not ask for GSSAPI encryption any more
   */
  record AwaitingStartup(boolean tlsRefused, boolean gssRefused) implements Open {
    /**
     * After an SSLRequest.
     *
     * @throws ProtocolViolation when it is the second
     */
    AwaitingStartup refuseTls() throws ProtocolViolation {
      if (tlsRefused) {
        throw again(StartupPacket.SSL_REQUEST_CODE);
      }
      return new AwaitingStartup(true, gssRefused);
    }

    /**
     * After a GSSENCRequest.
     *
     * @throws ProtocolViolation when it is the second
     */
    AwaitingStartup refuseGss() throws ProtocolViolation {
      if (gssRefused) {
        throw again(StartupPacket.GSSENC_REQUEST_CODE);
      }
      return new AwaitingStartup(tlsRefused, true);
    }

    /**
     * TLS begins.
     *
     * @throws ProtocolViolation when it has begun before, or was refused
     */
    Securing secure(TlsHandshake handshake) throws ProtocolViolation {
      if (tlsRefused) {
        throw again(StartupPacket.SSL_REQUEST_CODE);
      }
      return new Securing(handshake);
    }

    Locating locate(SessionRequest request) {
      return new Locating(request);
    }

    /** As in Postgres, where it then counts as a startup message of a strange version. */
    private static ProtocolViolation again(int code) {
      return ProtocolViolation.unsupportedVersion(code);
    }
  }

  /** The TLS handshake is under way. */
  record Securing(TlsHandshake handshake) implements Open {
    /** There is one encryption only, as in Postgres. */
    AwaitingStartup established() {
      return new AwaitingStartup(true, true);
    }
  }

  /** The router is asked what the address means and how its role proves itself. */
  record Locating(SessionRequest request) implements Open {
    Authenticating authenticate(Target target, Optional<Role> role, AuthMethod method) {
      return new Authenticating(request, Optional.of(target), role, method);
    }

    /**
     * For a token that is not valid: an exchange that cannot succeed, so that it looks like any.
     */
    Authenticating authenticateInVain(AuthMethod method) {
      return new Authenticating(request, Optional.empty(), Optional.empty(), method);
    }
  }

  /**
   * The client proves who it is.
   *
   * @param target empty when it cannot succeed
   * @param role empty when unknown
   */
  record Authenticating(
      SessionRequest request, Optional<Target> target, Optional<Role> role, AuthMethod method)
      implements Open {
    /** For a request that is equal. */
    Authenticating of(SessionRequest same) {
      return new Authenticating(same, target, role, method);
    }

    Waking wake(Target proven, CompletableFuture<BranchLease> lease) {
      return new Waking(request, proven, lease, 1, Optional.empty());
    }
  }

  /**
   * The client is who it says; its branch is being created or woken.
   *
   * @param lease to be cancelled when it is no longer wanted
   * @param attempt counts from 1
   * @param parked what the session was like when it had its last backend; empty for its first
   */
  record Waking(
      SessionRequest request,
      Target target,
      CompletableFuture<BranchLease> lease,
      int attempt,
      Optional<Parked> parked)
      implements Open {
    Connecting connect(BackendLink backend, NewGreeting greeting) {
      return new Connecting(request, target, backend, greeting, attempt, parked);
    }

    /** After a pause. */
    Waking resume(CompletableFuture<BranchLease> newLease) {
      return new Waking(request, target, newLease, attempt, parked);
    }
  }

  /**
   * The branch is awake; its instance is setting up the session.
   *
   * @param parked as in {@link Waking}
   */
  record Connecting(
      SessionRequest request,
      Target target,
      BackendLink backend,
      NewGreeting greeting,
      int attempt,
      Optional<Parked> parked)
      implements Open {
    /**
     * The instance was gone before it said anything.
     *
     * @param pause completed by nobody: until a new lease is asked for
     */
    Waking wakeAgain(CompletableFuture<BranchLease> pause) {
      return new Waking(request, target, pause, attempt + 1, parked);
    }

    /** There is no place for another backend: waits until there is, without counting as a try. */
    Waking wait(CompletableFuture<BranchLease> place) {
      return new Waking(request, target, place, attempt, parked);
    }

    Relaying relay(SessionRelay relay) {
      return new Relaying(request, target, backend, relay);
    }

    Restoring restore(Parked former) {
      return new Restoring(request, target, backend, greeting, former);
    }
  }

  /** The backend is ready, and gets what the session had on its last one. */
  record Restoring(
      SessionRequest request,
      Target target,
      BackendLink backend,
      NewGreeting greeting,
      Parked parked)
      implements Open {
    Relaying relay(SessionRelay relay) {
      return new Relaying(request, target, backend, relay);
    }
  }

  /** Bytes flow. */
  record Relaying(SessionRequest request, Target target, BackendLink backend, SessionRelay relay)
      implements Open {
    Parking park(ParkTrial trial) {
      return new Parking(request, target, backend, trial);
    }
  }

  /** The relay is taken apart, what the client sends is held, and the state is captured. */
  record Parking(SessionRequest request, Target target, BackendLink backend, ParkTrial trial)
      implements Open {
    Parked park(SessionMemory memory) {
      return new Parked(request, target, memory, trial.quietSince());
    }

    Relaying resume(SessionRelay relay) {
      return new Relaying(request, target, backend, relay);
    }
  }

  /**
   * The client is connected and has no backend.
   *
   * @param quietSince since when it has wanted nothing, in ms since 1970
   */
  record Parked(SessionRequest request, Target target, SessionMemory memory, long quietSince)
      implements Open {
    Waking wake(CompletableFuture<BranchLease> lease) {
      return new Waking(request, target, lease, 1, Optional.of(this));
    }
  }

  /** Over. */
  record Closed(Ending ending) implements SessionState {}
}
