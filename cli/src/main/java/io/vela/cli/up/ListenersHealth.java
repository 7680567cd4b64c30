package io.vela.cli.up;

import io.vela.admin.HealthPart;
import io.vela.proxy.ProxyServer;

/** Whether Postgres clients are accepted wherever the configuration says so. */
record ListenersHealth(ProxyServer proxy) implements HealthPart {
  @Override
  public State look() {
    int open = proxy.addresses().size();
    int missing = proxy.missing().size();
    return missing == 0
        ? State.up("open: " + open)
        : State.down("not open: %d of %d; the log names them".formatted(missing, open + missing));
  }
}
