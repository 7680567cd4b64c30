package io.vela.proxy.session;

import io.vela.proxy.cancel.CancelRegistry;
import io.vela.proxy.park.StaleStatement;
import io.vela.proxy.wire.ClientTrace;
import io.vela.proxy.wire.Pings;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * What a client has been told and has said, which holds for all backends that its session has one
 * after another. On the session's event loop.
 */
final class ClientView {
  /** Settings of one's own among the {@code options} of a startup packet. */
  private static final Pattern CUSTOM_OPTION =
      Pattern.compile("(?:-c\\s*|--)([A-Za-z_][\\w$-]*(?:\\.[\\w$-]+)+)\\s*=");

  private final ClientTrace trace = new ClientTrace(Pings.NONE);
  private final Set<String> startupSettings;
  private final boolean byPassword;
  private Set<String> reported = Set.of();
  private List<StaleStatement> stale = List.of();
  private Optional<CancelRegistry.Registration> cancelKey = Optional.empty();

  /**
   * @param parameters of the startup packet
   * @param byPassword whether its role's password has let it in
   */
  ClientView(Map<String, String> parameters, boolean byPassword) {
    this.byPassword = byPassword;
    var settings = new LinkedHashSet<String>();
    parameters.keySet().stream().filter(name -> name.indexOf('.') > 0).forEach(settings::add);
    var options = CUSTOM_OPTION.matcher(parameters.getOrDefault("options", ""));
    while (options.find()) {
      settings.add(options.group(1));
    }
    startupSettings = Set.copyOf(settings);
  }

  /** Whether its role's password has let it in. */
  boolean isByPassword() {
    return byPassword;
  }

  ClientTrace trace() {
    return trace;
  }

  /** Names of custom settings that the session may have. */
  Set<String> customSettings() {
    if (trace.customSettings().isEmpty()) {
      return startupSettings;
    }
    var all = new LinkedHashSet<>(startupSettings);
    all.addAll(trace.customSettings());
    return all;
  }

  /** Names of the parameters whose values the client is told. */
  Set<String> reported() {
    return reported;
  }

  void reported(Set<String> names) {
    reported = names;
  }

  /** Prepared statements that have gone stale, on the backend that it has now. */
  List<StaleStatement> stale() {
    return stale;
  }

  void stale(List<StaleStatement> found) {
    stale = found;
  }

  /** The session has no backend: its key leads nowhere, and is known. */
  void parked(Optional<CancelRegistry.Registration> key) {
    cancelKey = key;
    leadTo(() -> {});
  }

  /** While it has no backend, a request to cancel does this. */
  void leadTo(Runnable cancel) {
    cancelKey.ifPresent(key -> key.lead(new CancelRegistry.Destination.Waiting(cancel)));
  }

  /** The key for the new backend, which takes care of it from now on. */
  Optional<CancelRegistry.Registration> takeCancelKey() {
    var key = cancelKey;
    cancelKey = Optional.empty();
    return key;
  }

  /** The session has ended. */
  void close() {
    takeCancelKey().ifPresent(CancelRegistry.Registration::close);
  }
}
