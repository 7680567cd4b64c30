package io.vela.proxy.session;

import io.vela.config.LimitsConfig;
import io.vela.proxy.auth.Authenticator;
import io.vela.proxy.backend.Backends;
import io.vela.proxy.cancel.CancelForwarder;
import io.vela.proxy.cancel.CancelRegistry;
import io.vela.router.SessionRouter;
import java.util.function.Supplier;

/**
 * What every session of this process uses.
 *
 * @param parkAlways whether each session is parked whenever it is idle, to test that nobody notices
 * @param liveLimits what is in force, asked each time
 */
public record SessionServices(
    SessionRouter router,
    Authenticator authenticator,
    Backends backends,
    CancelRegistry cancelKeys,
    CancelForwarder cancelForwarder,
    Sessions sessions,
    SessionMetrics metrics,
    ListenerBarrier barrier,
    BackendQueue backendQueue,
    boolean parkAlways,
    Supplier<LimitsConfig> liveLimits) {
  /** What is in force now. */
  public LimitsConfig limits() {
    return liveLimits.get();
  }
}
