package io.vela.config;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * The configuration that is in force: what a running Vela was started with, and what has been
 * applied since. Safe for use from any thread.
 */
public final class LiveConfig implements Supplier<VelaConfig> {
  private volatile VelaConfig current;

  public LiveConfig(VelaConfig started) {
    this.current = started;
  }

  /** What is in force now. */
  @Override
  public VelaConfig get() {
    return current;
  }

  /**
   * What became of a configuration that was read again.
   *
   * @param applied the sections that changed and are in force
   * @param needRestart the sections that changed and stay as they were until Vela starts again
   * @param problems what could not be applied and stays as it was, each with its cause
   */
  public record Change(List<String> applied, List<String> needRestart, List<String> problems) {
    public Change {
      applied = List.copyOf(applied);
      needRestart = List.copyOf(needRestart);
      problems = List.copyOf(problems);
    }

    /** The same, with what went wrong while it was carried out. */
    public Change with(List<String> moreProblems) {
      var all = new ArrayList<>(problems);
      all.addAll(moreProblems);
      return new Change(applied, needRestart, all);
    }
  }

  /** Puts in force what can change while Vela runs: listen, baselines, limits. */
  public synchronized Change apply(VelaConfig wanted) {
    var now = current;
    var next =
        new VelaConfig(
            wanted.listen(),
            now.http(),
            now.data(),
            now.pool(),
            now.postgres(),
            now.catalogUrl(),
            wanted.baselines(),
            wanted.limits(),
            now.network());
    current = next;
    return new Change(changes(now, next), changes(next, wanted), List.of());
  }

  private static List<String> changes(VelaConfig from, VelaConfig to) {
    var sections = new ArrayList<String>();
    note(sections, "listen", from, to, VelaConfig::listen);
    note(sections, "http", from, to, VelaConfig::http);
    note(sections, "data", from, to, VelaConfig::data);
    note(sections, "pool", from, to, VelaConfig::pool);
    note(sections, "postgres", from, to, VelaConfig::postgres);
    note(sections, "catalog", from, to, VelaConfig::catalogUrl);
    // A map's equality ignores the order, in which create patterns are tried.
    note(sections, "baselines", from, to, config -> List.copyOf(config.baselines().entrySet()));
    note(sections, "limits", from, to, VelaConfig::limits);
    note(sections, "network", from, to, VelaConfig::network);
    return sections;
  }

  private static void note(
      List<String> sections,
      String name,
      VelaConfig from,
      VelaConfig to,
      Function<VelaConfig, Object> section) {
    if (!section.apply(from).equals(section.apply(to))) {
      sections.add(name);
    }
  }
}
