package io.vela.agent.file;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;

/**
 * System calls by {@code syscall(2)}. The JDK's own file calls cannot open a pipe without waiting
 * for its other end, nor change an owner without opening the file. One function of one shape: each
 * further one would cost the start of Vela some milliseconds.
 *
 * <p>A call belongs to one thread and one step of work, and frees its memory when closed.
 */
final class SystemCalls implements AutoCloseable {
  static final int INTERRUPTED = 4;
  static final int IS_A_FOLDER = 21;
  private static final int NOT_THERE = 2;
  private static final int NOT_PERMITTED = 1;
  private static final int ACCESS_DENIED = 13;
  private static final int EXISTS = 17;
  private static final int NOT_A_FOLDER = 20;
  private static final int NOT_EMPTY = 39;
  private static final int A_LINK = 40;

  private static final StructLayout STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO = STATE.varHandle(PathElement.groupElement("errno"));
  private static final MethodHandle CALL = function();

  private final Arena arena = Arena.ofConfined();
  private final MemorySegment state = arena.allocate(STATE);

  @SuppressWarnings("restricted") // --enable-native-access is given to all of Vela
  private static MethodHandle function() {
    var linker = Linker.nativeLinker();
    var number = ValueLayout.JAVA_LONG;
    return linker.downcallHandle(
        linker.defaultLookup().findOrThrow("syscall"),
        FunctionDescriptor.of(number, number, number, number, number, number, number),
        Linker.Option.captureCallState("errno"),
        Linker.Option.firstVariadicArg(1));
  }

  /** A buffer that lives as long as this. */
  MemorySegment buffer(long bytes) {
    return arena.allocate(bytes, Long.BYTES);
  }

  /**
   * A name for the system.
   *
   * @param name each character one byte of it
   */
  MemorySegment name(String name) {
    return arena.allocateFrom(name, StandardCharsets.ISO_8859_1);
  }

  /** Returns what the system returned, or the negative error number. */
  long call(int number, long a, long b, long c, long d, long e) {
    try {
      var result = (long) CALL.invokeExact(state, (long) number, a, b, c, d, e);
      return result < 0 ? -(int) ERRNO.get(state, 0L) : result;
    } catch (RuntimeException | Error failure) {
      throw failure;
    } catch (Throwable failure) {
      throw new IllegalStateException("a call of the system threw", failure);
    }
  }

  /** The exception for an error number. */
  static IOException failure(String path, long error) {
    return switch ((int) error) {
      case NOT_THERE -> new NoSuchFileException(path);
      case EXISTS -> new FileAlreadyExistsException(path);
      case NOT_EMPTY -> new DirectoryNotEmptyException(path);
      case ACCESS_DENIED, NOT_PERMITTED -> new AccessDeniedException(path);
      case NOT_A_FOLDER, A_LINK -> new UnsafeFileException(path, "it is not a folder");
      default -> new FileSystemException(path, null, "system error " + error);
    };
  }

  @Override
  public void close() {
    arena.close();
  }
}
