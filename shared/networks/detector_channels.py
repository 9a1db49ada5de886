"""The detector's output, channel by channel: one table for the network, its training, and the code that decodes it.

The detector takes N x 1 x H x W (H and W multiples of ALIGN_PX) and gives N x CHANNELS x H / STRIDE_PX x W / STRIDE_PX.
Each cell of that map describes the digit whose centre lies in it.
"""

STRIDE_PX = 8  # side of a cell
ALIGN_PX = 16  # the network halves its input four times
UNIT_PX = 24.0  # the size whose logarithm is 0

SCORE = 0  # logit: the centre of a digit lies in this cell
CLASSES = slice(1, 11)  # logits of 0 to 9
BOX = slice(11, 15)  # OFFSET and LOG_SIZE
OFFSET = slice(11, 13)  # x, y of the digit's centre from the cell's centre, in cells
LOG_SIZE = slice(13, 15)  # natural logarithms of width and height, in UNIT_PX
REFINE = 15  # logit: a digit too small for this scale may lie here, so detect at twice the resolution
CHANNELS = 16
