<?php echo "page";
