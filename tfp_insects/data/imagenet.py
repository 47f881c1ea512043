"""Mean and standard deviation of each channel of ImageNet's images, in units of [0, 1], as torchvision has them."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
