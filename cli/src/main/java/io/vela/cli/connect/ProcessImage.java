package io.vela.cli.connect;

import io.vela.cli.CliException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.List;
import java.util.Map;

/**
 * The program that this process runs. It is replaced (execv, POSIX) and not started as a child, so
 * that an interactive program has the terminal, its signals and the exit code to itself: with a
 * parent in between, Ctrl-C in psql would end the parent.
 */
final class ProcessImage {
  private static final Linker LINKER = Linker.nativeLinker();

  private ProcessImage() {}

  /**
   * Does not return.
   *
   * @param command the program's absolute path and its arguments
   * @param environment variables to set besides those that there are
   * @throws CliException when the system refuses
   */
  static void replace(List<String> command, Map<String, String> environment) throws CliException {
    try (var arena = Arena.ofConfined()) {
      var setenv =
          function("setenv", ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_INT);
      for (var variable : environment.entrySet()) {
        int code =
            (int)
                setenv.invokeExact(
                    arena.allocateFrom(variable.getKey()),
                    arena.allocateFrom(variable.getValue()),
                    1);
        if (code != 0) {
          throw new CliException("the environment could not be changed");
        }
      }
      var arguments = arena.allocate(ValueLayout.ADDRESS, command.size() + 1L);
      for (int i = 0; i < command.size(); i++) {
        arguments.setAtIndex(ValueLayout.ADDRESS, i, arena.allocateFrom(command.get(i)));
      }
      arguments.setAtIndex(ValueLayout.ADDRESS, command.size(), MemorySegment.NULL);
      var execv = function("execv", ValueLayout.ADDRESS, ValueLayout.ADDRESS);
      int code = (int) execv.invokeExact(arena.allocateFrom(command.getFirst()), arguments);
      throw new CliException(command.getFirst() + " could not be run (execv gave " + code + ")");
    } catch (CliException | RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("a native call failed", e);
    }
  }

  private static MethodHandle function(String name, java.lang.foreign.MemoryLayout... parameters) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name),
        FunctionDescriptor.of(ValueLayout.JAVA_INT, parameters));
  }
}
