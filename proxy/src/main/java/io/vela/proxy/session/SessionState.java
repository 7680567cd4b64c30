package io.vela.proxy.session;

import io.vela.agent.Role;
import io.vela.proxy.auth.AuthMethod;
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
 *                 | leased           |
 *                 v                  |
 *            Connecting -------------+ ... startup with the backend; the instance was gone
 *                 | ReadyForQuery
 *                 v
 *             Relaying
 *                 | either side ends
 *                 v
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
    Waking wake(Target proven, CompletableFuture<BranchLease> lease) {
      return new Waking(request, proven, lease, 1);
    }
  }

  /**
   * The client is who it says; its branch is being created or woken.
   *
   * @param lease to be cancelled when it is no longer wanted
   * @param attempt counts from 1
   */
  record Waking(
      SessionRequest request, Target target, CompletableFuture<BranchLease> lease, int attempt)
      implements Open {
    Connecting connect(BackendLink backend) {
      return new Connecting(request, target, backend, attempt);
    }

    /** After a pause. */
    Waking resume(CompletableFuture<BranchLease> newLease) {
      return new Waking(request, target, newLease, attempt);
    }
  }

  /** The branch is awake; its instance is setting up the session. */
  record Connecting(SessionRequest request, Target target, BackendLink backend, int attempt)
      implements Open {
    /**
     * The instance was gone before it said anything.
     *
     * @param pause completed by nobody: until a new lease is asked for
     */
    Waking wakeAgain(CompletableFuture<BranchLease> pause) {
      return new Waking(request, target, pause, attempt + 1);
    }

    Relaying relay(SessionRelay relay) {
      return new Relaying(request, backend, relay);
    }
  }

  /** Bytes flow. */
  record Relaying(SessionRequest request, BackendLink backend, SessionRelay relay)
      implements Open {}

  /** Over. */
  record Closed(Ending ending) implements SessionState {}
}
