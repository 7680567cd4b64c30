package io.vela.proxy.backend;

import io.vela.agent.Endpoint;
import io.vela.proxy.wire.StartupPacket.StartupMessage;

/**
 * What two backends must have in common for one to stand in for the other: the instance, and all
 * that was said when they were started (protocol, role, database, each parameter).
 */
record BackendKey(Endpoint endpoint, StartupMessage startup) {
  /** A walsender is busy or gone, and does not take DISCARD ALL. */
  boolean mayBeKept() {
    return !startup.parameters().containsKey("replication");
  }
}
