package io.vela.cli.up;

import io.vela.config.ConfigException;
import io.vela.config.ListenerConfig;
import io.vela.config.LiveConfig;
import io.vela.config.VelaConfig;
import io.vela.proxy.ProxyServer;
import io.vela.router.LocalRouter;
import java.util.List;
import java.util.function.UnaryOperator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the configuration again, on SIGHUP or by {@code vela reload}, and has every part take what
 * can change while Vela runs.
 */
final class Reload {
  private static final Logger log = LoggerFactory.getLogger(Reload.class);

  private final Reader reader;
  private final LiveConfig live;
  private final LocalRouter router;
  private final ProxyServer proxy;
  private final UnaryOperator<List<ListenerConfig>> bounded;

  /** The file, with what the command line said instead. */
  interface Reader {
    VelaConfig read() throws ConfigException;
  }

  /**
   * @param bounded gives listeners without a bound on connections one
   */
  Reload(
      Reader reader,
      LiveConfig live,
      LocalRouter router,
      ProxyServer proxy,
      UnaryOperator<List<ListenerConfig>> bounded) {
    this.bounded = bounded;
    this.reader = reader;
    this.live = live;
    this.router = router;
    this.proxy = proxy;
  }

  /** Does it and logs what became of it. Blocks; one at a time. */
  synchronized LiveConfig.Change run() throws ConfigException {
    VelaConfig wanted;
    try {
      wanted = reader.read();
    } catch (ConfigException e) {
      log.error("configuration not reloaded cause=\"{}\"", e.getMessage());
      throw e;
    }
    var applied = live.apply(wanted);
    router.reconfigured();
    var change =
        applied.with(proxy.reconfigure(bounded.apply(live.get().listen()), live.get().limits()));
    log.info(
        "configuration reloaded applied={} needRestart={} problems={}",
        change.applied(),
        change.needRestart(),
        change.problems());
    return change;
  }
}
