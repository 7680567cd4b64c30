package io.vela.agent.isolation;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * Namespaces with a first process in them that waits for what it is to run, made ahead of the start
 * that will need them.
 *
 * <p>The first process is a shell because Postgres must not be one: the first process of a PID
 * namespace inherits orphans, and a postmaster takes the unhappy end of an unknown child for a
 * crash of one of its own. When it ends, the kernel ends all others of the namespace.
 */
interface PreparedNamespace extends AutoCloseable {
  /** How the instance sees a folder of the host. */
  enum Access {
    /** Writable, and the instance's own whoever owns it on disk. */
    DATA,
    /** Writable, and given to the user that the instance runs as. */
    SOCKETS,
    /** Programs and libraries, to read. */
    PROGRAMS
  }

  /** A folder of the host that the instance sees by the same name. */
  record Shown(Path folder, Access access) {}

  /** Which of the user ids for branches it has; negative when none. */
  int userSlot();

  /** What the instance's outputs go to. */
  InstanceLog log();

  /** All of the instance ends with this process. */
  ChildProcess child();

  /**
   * Shows folders to the first process and has it run a script of the shell's, with which it ends.
   * Blocks for a moment.
   */
  void run(List<Shown> shown, String script) throws IOException;

  /** Gives it up unused: its first process finds nothing to run and ends. */
  @Override
  void close();
}
