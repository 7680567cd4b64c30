package io.vela.agent.isolation;

import io.vela.config.ResourceLimits;
import java.nio.file.Path;
import java.util.List;

/**
 * An instance to start.
 *
 * @param data the folder that it writes; it sees it by the same name as Vela
 * @param run its other files, of which it sees the folder
 * @param installation the folder with its programs and libraries, which it may read
 * @param program the program to run, in that folder
 * @param arguments its arguments
 * @param hostNetwork whether it shares the host's network instead of having none
 * @param limits what its processes may take of the host
 */
public record Launch(
    Path data,
    RunFiles run,
    Path installation,
    Path program,
    List<String> arguments,
    boolean hostNetwork,
    ResourceLimits limits) {
  public Launch {
    arguments = List.copyOf(arguments);
  }

  /** Without limits. */
  public Launch(
      Path data,
      RunFiles run,
      Path installation,
      Path program,
      List<String> arguments,
      boolean hostNetwork) {
    this(data, run, installation, program, arguments, hostNetwork, ResourceLimits.NONE);
  }
}
