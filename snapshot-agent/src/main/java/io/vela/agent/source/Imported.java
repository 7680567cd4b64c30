package io.vela.agent.source;

import io.vela.agent.Source.Script;
import java.util.List;

/**
 * What an import brought besides the data directory.
 *
 * @param configuration lines of {@code postgresql.conf}, for data that came without one
 * @param seed scripts to run before the data is frozen
 */
public record Imported(List<String> configuration, List<Script> seed) {
  public Imported {
    configuration = List.copyOf(configuration);
    seed = List.copyOf(seed);
  }
}
