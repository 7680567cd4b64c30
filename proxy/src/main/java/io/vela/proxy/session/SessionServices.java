package io.vela.proxy.session;

import io.vela.config.LimitsConfig;
import io.vela.proxy.auth.Authenticator;
import io.vela.proxy.backend.BackendConnector;
import io.vela.proxy.cancel.CancelForwarder;
import io.vela.proxy.cancel.CancelRegistry;
import io.vela.router.SessionRouter;

/** What every session of this process uses. */
public record SessionServices(
    SessionRouter router,
    Authenticator authenticator,
    BackendConnector connector,
    CancelRegistry cancelKeys,
    CancelForwarder cancelForwarder,
    Sessions sessions,
    SessionMetrics metrics,
    LimitsConfig limits) {}
