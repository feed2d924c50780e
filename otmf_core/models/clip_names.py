"""The names that transformers and open_clip have for CLIP's tensors: one table, read in both directions.

q, k and v are three matrices in transformers and one in open_clip, rows in this order; projections are transposed.
"""

from __future__ import annotations

# transformers' names → open_clip's: of the image tower, the text tower, the modules of a layer in either, the rest.
IN_IMAGE = {
    "embeddings.class_embedding": "class_embedding",
    "embeddings.patch_embedding.weight": "conv1.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "pre_layrnorm.weight": "ln_pre.weight",  # so misspelt
    "pre_layrnorm.bias": "ln_pre.bias",
    "post_layernorm.weight": "ln_post.weight",
    "post_layernorm.bias": "ln_post.bias",
}
IN_TEXT = {
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm.weight": "ln_final.weight",
    "final_layer_norm.bias": "ln_final.bias",
}
IN_LAYER = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "self_attn.out_proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}
STACKED = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
IN_PROJECTION = "attn.in_proj"  # open_clip's, of the three
IMAGE_PROJECTION, TEXT_PROJECTION = "visual_projection.weight", "text_projection.weight"
