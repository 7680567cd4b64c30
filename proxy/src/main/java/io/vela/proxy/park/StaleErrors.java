package io.vela.proxy.park;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.vela.proxy.wire.BackendType;
import io.vela.proxy.wire.ErrorFields;
import io.vela.proxy.wire.ProtocolViolation;
import io.vela.proxy.wire.RawMessage;
import java.util.List;
import java.util.Optional;

/**
 * Puts the errors of stale statements in the place of those by which their {@link Decoy}s fail. The
 * first handler of a backend that has any, and of no other; stays as long as the backend. All else
 * passes as it was read, but for a header or an ErrorResponse that has not come whole.
 */
public final class StaleErrors extends ChannelInboundHandlerAdapter {
  private static final int HEADER = 1 + Integer.BYTES;

  /** An ErrorResponse of a decoy is not longer. */
  private static final int LONGEST = 8192;

  private static final String UNDEFINED_STATEMENT = "26000";

  private final List<StaleStatement> stale;
  private Optional<RawMessage> unnamed;

  /** The beginning of a message. */
  private ByteBuf held = Unpooled.EMPTY_BUFFER;

  /** How many bytes of the message under way are yet to pass. */
  private long passing;

  /**
   * @param stale as {@link Restore} found them
   */
  public StaleErrors(List<StaleStatement> stale) {
    this.stale = List.copyOf(stale);
    unnamed =
        stale.stream().filter(one -> one.name().isEmpty()).findFirst().map(StaleStatement::error);
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    var bytes = Unpooled.wrappedBuffer(held, (ByteBuf) message);
    held = Unpooled.EMPTY_BUFFER;
    while (bytes.isReadable()) {
      int whole = passable(bytes);
      if (whole > 0) {
        context.fireChannelRead(bytes.readRetainedSlice(whole));
      }
      if (!bytes.isReadable()) {
        break;
      }
      if (!replaced(context, bytes)) {
        held = bytes.copy();
        break;
      }
    }
    bytes.release();
  }

  /** How many bytes there are before an ErrorResponse, or a header that has not come whole. */
  private int passable(ByteBuf bytes) {
    int end = bytes.writerIndex();
    int at = bytes.readerIndex();
    while (true) {
      int step = (int) Math.min(passing, end - at);
      passing -= step;
      at += step;
      if (end - at < HEADER) {
        return at - bytes.readerIndex();
      }
      byte type = bytes.getByte(at);
      int length = bytes.getInt(at + 1);
      if (type == BackendType.ERROR_RESPONSE && length >= Integer.BYTES && length < LONGEST) {
        return at - bytes.readerIndex();
      }
      if (type == BackendType.READY_FOR_QUERY) {
        // The client may have made another since.
        unnamed = Optional.empty();
      }
      // What is no message is the relay's to judge.
      passing = length < Integer.BYTES ? Long.MAX_VALUE : 1L + length;
    }
  }

  /**
   * Passes on the ErrorResponse with which the bytes begin, or another; false if it is not whole.
   */
  private boolean replaced(ChannelHandlerContext context, ByteBuf bytes) {
    int length =
        bytes.readableBytes() < HEADER ? LONGEST : 1 + bytes.getInt(bytes.readerIndex() + 1);
    if (bytes.readableBytes() < length) {
      return false;
    }
    var error = bytes.readRetainedSlice(length);
    var replacement = replacement(error.slice(HEADER, length - HEADER));
    if (replacement.isPresent()) {
      error.release();
      context.fireChannelRead(replacement.get().toBuffer());
    } else {
      context.fireChannelRead(error);
    }
    return true;
  }

  private Optional<RawMessage> replacement(ByteBuf payload) {
    try {
      var error = ErrorFields.parse(payload);
      var number = Decoy.number(error);
      if (number.isPresent() && number.getAsInt() < stale.size()) {
        return Optional.of(stale.get(number.getAsInt()).error());
      }
      return unnamed.filter(_ -> isOfUnnamed(error));
    } catch (ProtocolViolation e) {
      return Optional.empty();
    }
  }

  /**
   * The server has no decoy of the unnamed statement: the types of its parameters are not known.
   */
  private static boolean isOfUnnamed(ErrorFields error) {
    var routine = error.byType().getOrDefault('R', "");
    return error.code().equals(UNDEFINED_STATEMENT)
        && (routine.equals("exec_bind_message")
            || routine.equals("exec_describe_statement_message"));
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    var rest = held;
    held = Unpooled.EMPTY_BUFFER;
    if (rest.isReadable()) {
      context.fireChannelRead(rest);
    }
    context.fireChannelInactive();
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext context) {
    held.release();
    held = Unpooled.EMPTY_BUFFER;
  }
}
